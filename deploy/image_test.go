package deploy

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// dockerfile is the path of the Dockerfile that makes the image.
const dockerfile = "../xcaddy.Dockerfile"

// instruction is one instruction of the Dockerfile: its name, such as COPY, and the rest of its
// line.
type instruction struct{ name, rest string }

// stages returns the Dockerfile's instructions, grouped by the FROM that they follow. The part
// before the first FROM, the versions of the base images, is left out.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	text = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAll(text, nil)
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	var all [][]instruction
	for line := range strings.Lines(joined) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "", name == "ARG" && len(all) == 0:
		case name == "FROM":
			all = append(all, []instruction{{name, rest}})
		default:
			require.NotEmpty(t, all, line)
			all[len(all)-1] = append(all[len(all)-1], instruction{name, rest})
		}
	}
	require.Len(t, all, 2)
	return all
}

// image is the result of the Dockerfile's last stage: a root, and how it is run.
type image struct {
	root            string
	env             []string
	labels          map[string]string
	user            string
	entrypoint, cmd []string
	healthcheck     []string
}

// buildImage executes the Dockerfile's last stage, with binary as the result of the first stage.
func buildImage(t *testing.T, binary string) *image {
	t.Helper()
	root, err := os.MkdirTemp("", "image")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	require.NoError(t, os.Chmod(root, 0o755)) // like the root of a layer
	made := &image{root: root, labels: make(map[string]string)}
	for _, i := range stages(t)[1] {
		switch i.name {
		case "FROM":
			require.Equal(t, "scratch", i.rest)
		case "COPY":
			made.copy(t, binary, strings.Fields(i.rest))
		case "ENV":
			made.env = append(made.env, strings.Fields(i.rest)...)
		case "USER":
			made.user = i.rest
		case "ENTRYPOINT":
			require.NoError(t, json.Unmarshal([]byte(i.rest), &made.entrypoint))
		case "CMD":
			require.NoError(t, json.Unmarshal([]byte(i.rest), &made.cmd))
		case "LABEL":
			for _, label := range regexp.MustCompile(`([\w.]+)="([^"]*)"`).FindAllStringSubmatch(i.rest, -1) {
				made.labels[label[1]] = label[2]
			}
		case "HEALTHCHECK":
			_, command, found := strings.Cut(i.rest, " CMD ")
			require.True(t, found, i.rest)
			require.NoError(t, json.Unmarshal([]byte(command), &made.healthcheck), "without a shell it must be a list")
		case "ARG", "EXPOSE": // these only inform people
		default:
			require.FailNow(t, "this test does not know "+i.name)
		}
	}
	return made
}

// copy executes a COPY of the last stage.
func (m *image) copy(t *testing.T, binary string, words []string) {
	t.Helper()
	words = slices.DeleteFunc(words, func(word string) bool { return strings.HasPrefix(word, "--") })
	require.Len(t, words, 2)
	from, to := words[0], filepath.Join(m.root, words[1])
	if strings.HasSuffix(words[1], "/") {
		to = filepath.Join(to, filepath.Base(from))
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	switch source, isSource := strings.CutPrefix(from, "/src/"); {
	case from == "/caddy":
		copyFile(t, binary, to, 0o755)
	case from == "/empty":
		require.NoError(t, os.Mkdir(to, 0o755))
		if os.Geteuid() == 0 {
			require.NoError(t, os.Chown(to, 65532, 65532))
		}
	case isSource:
		copyFile(t, filepath.Join("..", source), to, 0o644)
	default: // the builder's CA certificates, which nothing here needs
		require.NoError(t, os.WriteFile(to, nil, 0o644))
	}
}

// copyFile copies the contents of a file, but none of its attributes.
func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	require.NoError(t, os.Chmod(to, mode))
}

// variableOf returns the value that a container's manifest gives an environment variable.
func variableOf(container corev1.Container, name string) string {
	for _, variable := range container.Env {
		if variable.Name == name {
			return variable.Value
		}
	}
	return ""
}

// The image runs as the manifests' pods run it, and sets no gateway of its own.
func TestImageIsWhatPodsExpect(t *testing.T) {
	t.Parallel()
	made := buildImage(t, dockerfile) // any file will do
	assert.Equal(t, "65532:65532", made.user)
	assert.Equal(t, []string{"/usr/bin/caddy"}, made.entrypoint)
	assert.Equal(t, []string{"run", "--config", "/etc/caddy/Caddyfile"}, made.cmd)
	for _, variable := range made.env {
		assert.Regexp(t, "^(XDG_|GOGC=)", variable)
	}
	for _, folder := range overlays(t) {
		_, container := podOf(render(t, folder))
		assert.Empty(t, container.Command, folder)
		assert.Equal(t, made.cmd, container.Args, folder)
		assert.Contains(t, made.env, "GOGC="+variableOf(*container, "GOGC"), folder)
		context := container.SecurityContext
		assert.Equal(t, made.user, fmt.Sprintf("%d:%d", *context.RunAsUser, *context.RunAsGroup), folder)
	}
}

// The command of docs/supply-chain.md writes the digest of the builder's tag into the Dockerfile.
func TestBuilderCanBePinned(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/supply-chain.md")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^sed -i .* xcaddy\.Dockerfile$`).FindString(string(page))
	require.NotEmpty(t, command)
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^ARG CADDY_VERSION=(.*)$`).FindStringSubmatch(string(text))
	require.NotNil(t, version)

	folder, digest := t.TempDir(), "sha256:"+strings.Repeat("0a", 32)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "xcaddy.Dockerfile"), text, 0o600))
	cmd := exec.Command("sh", "-euc", `docker() { test "$6" = "caddy:`+version[1]+`-builder" && echo `+digest+"; }\n"+command)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	pinned, err := os.ReadFile(filepath.Join(folder, "xcaddy.Dockerfile"))
	require.NoError(t, err)
	assert.Contains(t, string(pinned), "\nARG BUILDER=caddy@"+digest+"\n")
}

// The build compiles on the builder's own platform for the target platform, caches what it has
// compiled, and names the versions of its base images.
func TestImageBuild(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^ARG CADDY_VERSION=\d+\.\d+\.\d+$`, string(text))
	assert.Regexp(t, `(?m)^ARG BUILDER=caddy(:\$\{CADDY_VERSION\}-builder|@sha256:[0-9a-f]{64})$`, string(text))
	build := stages(t)[0]
	assert.Equal(t, instruction{"FROM", "--platform=$BUILDPLATFORM ${BUILDER} AS build"}, build[0])
	for _, i := range build {
		if i.name != "RUN" {
			continue
		}
		assert.Contains(t, i.rest, "--mount=type=cache,target=/go/pkg/mod", "what was downloaded is kept")
		if strings.Contains(i.rest, "xcaddy build") {
			assert.Contains(t, i.rest, "--mount=type=cache,target=/root/.cache/go-build", "what was compiled is kept")
			assert.Contains(t, i.rest, "GOOS=${TARGETOS} GOARCH=${TARGETARCH} ")
			assert.NotContains(t, i.rest, "&& /caddy", "it may be for another platform, and cannot be run")
		}
	}
}

// The image has the version of Caddy that the tests use.
func TestImageHasTestedCaddy(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`github.com/caddyserver/caddy/v2 v(\S+)`).FindSubmatch(module)
	require.NotNil(t, version)
	text, err := os.ReadFile(dockerfile)
	require.NoError(t, err)
	assert.Contains(t, string(text), "\nARG CADDY_VERSION="+string(version[1])+"\n")
}

// The image has the labels that registries and scanners look for.
func TestImageIsLabelled(t *testing.T) {
	t.Parallel()
	labels := buildImage(t, dockerfile).labels
	for _, name := range []string{"title", "description", "source", "licenses", "version", "revision"} {
		assert.NotEmpty(t, labels["org.opencontainers.image."+name], name)
	}
	assert.Len(t, labels, 6)
}

// The build context contains none of the secrets that the pages tell people to create in a
// checkout. They would not end up in the image, but they would in the cache of the build's stages,
// which may be a registry.
func TestBuildGetsNoSecrets(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../.dockerignore")
	require.NoError(t, err)
	ignored := func(name string) bool {
		return slices.ContainsFunc(strings.Fields(regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(string(text), "")), func(pattern string) bool {
			if anywhere, isAnywhere := strings.CutPrefix(pattern, "**/"); isAnywhere {
				matches, err := filepath.Match(anywhere, filepath.Base(name))
				require.NoError(t, err)
				return matches
			}
			return name == pattern || strings.HasPrefix(name, pattern+"/")
		})
	}
	for _, name := range []string{
		"private.key", "next.key", "bin/private.key", "merchant.pem", // of README.md and systemd/README.md
		"deploy/compose/keys/private.key", "deploy/compose/keys/sandbox.key",
		"deploy/kubernetes/private.key", "deploy/kubernetes/next.key", "deploy/kubernetes/callers-ca.key",
		"deploy/kubernetes/gateway.key", "deploy/kubernetes/password",
	} {
		assert.True(t, ignored(name), name)
	}
	for _, name := range []string{"go.mod", "go.sum", "Caddyfile.example", "caddy/main.go", "keys/ring.go"} {
		assert.False(t, ignored(name), name)
	}
}
