package deploy

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// container returns the service as a container of the image. Its root has the image's files and the
// mounted files; its secrets belong to the container's user.
func (s composeService) container(t *testing.T, changed *strings.Replacer, keys string) (*image, container) {
	t.Helper()
	made := buildImage(t, caddy(t))
	for to, from := range s.mounts(t) {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(made.root+to, []byte(changed.Replace(string(text))), 0o644))
	}
	require.NoError(t, os.MkdirAll(made.root+"/run/secrets", 0o755))
	for _, secret := range s.Secrets {
		copyFile(t, filepath.Join(keys, secret), made.root+"/run/secrets/"+secret, 0o400)
		require.NoError(t, os.Chown(made.root+"/run/secrets/"+secret, 65532, 65532))
	}
	c := container{Root: made.root, Env: made.env, Args: append(made.entrypoint, made.cmd...)}
	if s.Command != nil {
		c.Args = append(made.entrypoint, s.Command...)
	}
	for name, value := range s.Environment {
		c.Env = append(c.Env, name+"="+value)
	}
	return made, c
}

// The services of compose.yaml run as written there and pay an order. Only the ports differ,
// because here the services share the machine's network.
func TestComposeRuns(t *testing.T) {
	t.Parallel()
	requireContainers(t)
	python := tool(t, "python3")
	signing, health, sandbox := freePort(t), freePort(t), freePort(t)
	changed := strings.NewReplacer(
		"127.0.0.1:8080", "127.0.0.1:"+signing, ":8080 {", ":"+signing+" {",
		":8081 {", ":"+health+" {", "127.0.0.1:9000", "127.0.0.1:"+sandbox)
	project := compose(t, changed)

	folder := t.TempDir()
	tool(t, "openssl")
	shell(t, folder, composeKeys(t))
	keys := filepath.Join(folder, "keys")

	made, sidecar := project.Services["sidecar"].container(t, changed, keys)
	sidecar.Env = append(sidecar.Env, "PAYERMAX_HEALTH_PORT="+health) // for the health check
	readyz := "http://127.0.0.1:" + health + "/readyz"
	start(t, sidecar.command(t, context.Background()), func() bool { return answers(readyz) })
	check := sidecar
	check.Args = made.healthcheck
	said, err := check.command(t, t.Context()).CombinedOutput()
	require.NoError(t, err, "service_healthy would not come: %s", said)

	_, box := project.Services["sandbox"].container(t, changed, keys)
	start(t, box.command(t, context.Background()), func() bool { return answers("http://127.0.0.1:" + sandbox + "/sandbox/key") })

	app := project.Services["app"]
	require.Equal(t, "python3", app.Command[0])
	program := app.Command[1]
	for to, from := range app.mounts(t) {
		program = strings.Replace(program, to, from, 1)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, program)
	cmd.Env = []string{"PAYERMAX_URL=" + app.Environment["PAYERMAX_URL"]}
	said, err = cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Contains(t, string(said), ": SUCCESS")
}

// composeKeys returns the README's block that makes the keys.
func composeKeys(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(composeFolder, "README.md"))
	require.NoError(t, err)
	block := regexp.MustCompile(`(?s)\n\(\n.*?\n\)\n`).FindString(string(readme))
	require.NotEmpty(t, block)
	return block
}

// The README's docker run commands work: the sidecar starts with no other variable than the one
// given, and the request that the second command posts is answered.
func TestDockerRuns(t *testing.T) {
	t.Parallel()
	requireContainers(t)
	runs := dockerRuns(t)
	require.Len(t, runs, 2)
	variables := regexp.MustCompile(`-e (\S+)`).FindStringSubmatch(runs[0])
	require.NotNil(t, variables)
	require.True(t, strings.HasSuffix(runs[0], " caddy-payermax"), "no arguments follow the image")

	s := buildImage(t, caddy(t)).served(t, variables[1:]...)
	start(t, s.command(t, context.Background()), func() bool { return answers("http://127.0.0.1:" + s.health + "/readyz") })
	posted := regexp.MustCompile(`http://127\.0\.0\.1:8080(\S+).* -d '([^']*)'`).FindStringSubmatch(runs[1])
	require.NotNil(t, posted)
	status, code, _ := post(t, client(new(http.Transport)), "http://127.0.0.1:"+s.signing+posted[1], posted[2])
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "APPLY_SUCCESS", code)
	assert.Contains(t, runs[1], "--network container:payermax")
	assert.Contains(t, runs[0], "--name payermax ")
}
