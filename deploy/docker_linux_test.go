package deploy

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// TestDockerEngine runs the page's own Docker commands in a Docker engine that has no registry.
// Images that would come from a registry are replaced by images made of this machine's programs:
// curl, Python, and a builder whose xcaddy provides the binary under test. BuildKit builds
// everything else in the Dockerfile.
func TestDockerEngine(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	checkout := e.builder(t)
	e.imports(t, "curlimages/curl:8.10.1", []string{"curl"}, nil, `ENTRYPOINT ["curl"]`)
	page := dockerPage(t)

	e.shell(t, checkout, pageBlock(t, page, "docker build"))
	requireImage(t, e)

	e.shell(t, checkout, pageBlock(t, page, "docker run -d"))
	await(t, time.Minute, "the container to be healthy", func() bool {
		return e.docker(t, "inspect", "--format", "{{.State.Health.Status}}", "payermax") == "healthy"
	})
	assert.Contains(t, e.docker(t, "ps"), "(healthy)")
	assert.Contains(t, e.shell(t, checkout, pageBlock(t, page, "--network container:payermax")), `"code":"APPLY_SUCCESS"`)

	began := time.Now()
	e.docker(t, "stop", "payermax")
	t.Logf("stopped in %.1f s", time.Since(began).Seconds())
	assert.Equal(t, "0", e.docker(t, "inspect", "--format", "{{.State.ExitCode}}", "payermax"))

	t.Run("compose", func(t *testing.T) { e.compose(t, checkout, page) })
}

// builder makes the image that the Dockerfile starts from, and a checkout with the files that the
// build and compose.yaml take from it. xcaddy and Go are stand-ins there.
func (e *engine) builder(t *testing.T) (checkout string) {
	t.Helper()
	checkout = t.TempDir()
	for _, name := range []string{"xcaddy.Dockerfile", ".dockerignore", "Caddyfile.example", "go.mod", "go.sum", "deploy/compose", "examples/callers/python"} {
		place(t, "../"+name, filepath.Join(checkout, name))
	}
	programs := t.TempDir()
	require.NoError(t, os.WriteFile(programs+"/go", []byte("#!/bin/sh\necho github.com/caddy-payermax/caddy-payermax\n"), 0o755))
	require.NoError(t, os.WriteFile(programs+"/xcaddy", []byte("#!/bin/sh\nfor to; do :; done\ncp /built \"$to\"\n"), 0o755))
	version := regexp.MustCompile(`(?m)^ARG CADDY_VERSION=(\S+)`)
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	e.imports(t, "caddy:"+version.FindStringSubmatch(string(text))[1]+"-builder",
		[]string{"sh", "cp", "mkdir", "grep", "getcap", programs + "/go", programs + "/xcaddy"},
		map[string]string{"/built": caddy(t), "/etc/ssl/certs/ca-certificates.crt": programs + "/go"}, "ENV XCADDY_SETCAP=1")
	return checkout
}

// requireImage checks what the engine has made of the Dockerfile's last stage.
func requireImage(t *testing.T, e *engine) {
	t.Helper()
	var made []struct {
		Architecture string
		Config       struct {
			User            string
			Env             []string
			Entrypoint, Cmd []string
			Labels          map[string]string
			Healthcheck     struct{ Test []string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(e.docker(t, "inspect", "caddy-payermax")), &made))
	want := buildImage(t, caddy(t))
	config := made[0].Config
	assert.Equal(t, want.user, config.User)
	assert.Equal(t, want.entrypoint, config.Entrypoint)
	assert.Equal(t, want.cmd, config.Cmd)
	assert.Subset(t, config.Env, want.env)
	assert.Equal(t, append([]string{"CMD"}, want.healthcheck...), config.Healthcheck.Test)
	assert.Equal(t, "v0.0.0", config.Labels["org.opencontainers.image.version"])
}

// compose brings up the page's services in the order of their dependencies; together they pay an
// order.
func (e *engine) compose(t *testing.T, checkout, page string) {
	if said, err := e.try("docker", "compose", "version", "--short"); err != nil {
		t.Skip("NOT RUN: Docker Compose 2.17 or newer is missing, which Debian 12 does not have: " + said)
	}
	tool(t, "openssl")
	python := "/usr/bin/python3"
	standard, err := filepath.Glob("/usr/lib/python3.*")
	require.NoError(t, err)
	if len(standard) == 0 {
		t.Skip("NOT RUN: Debian's Python is missing; .ci/tools installs it")
	}
	files := make(map[string]string)
	for _, folder := range standard {
		files[folder] = folder
	}
	e.imports(t, "python:3.13-alpine", []string{python}, files)

	folder := filepath.Join(checkout, "deploy/compose")
	keysAndUp := pageBlock(t, page, "docker compose up")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	up := e.command(ctx, folder, "sh", "-euc", strings.Replace(keysAndUp, "docker compose up", "exec docker compose up", 1))
	services := testprocess.Start(t, up)
	services.AwaitWithin(t, 4*time.Minute, "to say how the application has ended", func(soFar testprocess.Printed) bool { return soFar.Has("exited with code") })
	services.AwaitLine(t, ": SUCCESS")
	ready := e.docker(t, "run", "--rm", "--network", "host", "curlimages/curl:8.10.1", "-s", "http://127.0.0.1:8081/readyz")
	assert.Contains(t, ready, `"status":"ok"`)
	began := time.Now()
	e.shell(t, folder, "KEYS_OWNER=0:0 docker compose down")
	t.Logf("down in %.1f s\n%s", time.Since(began).Seconds(), lastOf(string(services.SoFar()), 1500))
}

// dockerPage returns the text of the page about Docker.
func dockerPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(composeFolder, "README.md"))
	require.NoError(t, err)
	return string(text)
}

// pageBlock returns the page's block of commands that contains a text.
func pageBlock(t *testing.T, page, with string) string {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1) {
		if strings.Contains(block[1], with) {
			return block[1]
		}
	}
	require.FailNow(t, "the page has no such commands", with)
	return ""
}
