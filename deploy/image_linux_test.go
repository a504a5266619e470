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

// cacheMounts matches the cache mounts of a RUN, which stand before its commands.
var cacheMounts = regexp.MustCompile(`--mount=type=cache\S*`)

// The build's own commands leave no capability on the binary, although the base image asks for one,
// and the build fails if one remains.
func TestImageBuildLeavesNoCapability(t *testing.T) {
	t.Parallel()
	tool(t, "getcap")
	binary := caddy(t)
	var build string
	for _, i := range stages(t)[0] {
		if i.name == "RUN" && strings.Contains(i.rest, "xcaddy build") {
			build = cacheMounts.ReplaceAllString(i.rest, "")
		}
	}
	require.NotEmpty(t, build)

	for name, test := range map[string]struct {
		xcaddy string // the condition on which it sets the capability
		fails  bool
	}{
		"as the base image has it":    {`[ "$XCADDY_SETCAP" = 1 ]`, false},
		"whatever the variable says":  {`true`, true},
		"a variable of another name":  {`[ "$XCADDY_SETCAP" = 1 ] || [ -n "$XCADDY_CAPABILITIES" ]`, true},
		"no such feature in the tool": {`false`, false},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			capable := filepath.Join(folder, "capable")
			copyFile(t, binary, capable, 0o755)
			setCapability(t, capable)
			// A stand-in for xcaddy: the binary that it would build exists already.
			require.NoError(t, os.WriteFile(filepath.Join(folder, "xcaddy"), []byte(`#!/bin/sh
while [ "$1" != --output ]; do shift; done
if `+test.xcaddy+`; then cp --preserve=all `+capable+` "$2"; else cat `+binary+` >"$2" && chmod 0755 "$2"; fi
`), 0o755))
			built := filepath.Join(folder, "caddy")
			cmd := exec.Command("sh", "-c", strings.NewReplacer(" /caddy", " "+built, " /empty", " "+filepath.Join(folder, "empty")).Replace(build))
			cmd.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "XCADDY_SETCAP=1", "XCADDY_CAPABILITIES=1", "CADDY_VERSION=2.11.9", "TARGETOS=linux", "TARGETARCH=amd64", "VERSION=v0.0.0")
			said, err := cmd.CombinedOutput()
			if test.fails {
				require.Error(t, err, "%s", said)
				assert.Contains(t, string(said), "the binary must have no file capability, but has: "+built+" cap_net_bind_service=ep")
				return
			}
			require.NoError(t, err, "%s", said)
			left, err := exec.Command("getcap", built).Output()
			require.NoError(t, err)
			assert.Empty(t, string(left))
		})
	}
}

// served is an image run as a container of a pod, with its ports.
type served struct {
	container
	signing, health string // the ports
}

// of returns a container of the same image with other arguments, as kubectl exec would start one.
func (s served) of(args ...string) container {
	c := s.container
	c.Args = append([]string{"/usr/bin/caddy"}, args...)
	return c
}

// served runs the image with its own files and environment, plus the variables.
func (m *image) served(t *testing.T, variables ...string) served {
	t.Helper()
	s := served{signing: freePort(t), health: freePort(t)}
	env := append(variables, "PAYERMAX_PORT="+s.signing, "PAYERMAX_HEALTH_PORT="+s.health)
	s.container = container{Root: m.root, Env: append(env, m.env...), Args: append(m.entrypoint, m.cmd...)}
	return s
}

// servedIn runs the image as the pod of an overlay runs it.
func (m *image) servedIn(t *testing.T, folder string) served {
	t.Helper()
	s := served{signing: freePort(t), health: freePort(t)}
	manifests := render(t, folder)
	template, signer := podOf(manifests)
	s.container = container{Root: m.root, Env: append(m.env, "PAYERMAX_PORT="+s.signing, "PAYERMAX_HEALTH_PORT="+s.health), Volumes: make(map[string]string), Args: append(m.entrypoint, signer.Args...)}
	for name, value := range environment(manifests, signer) {
		s.Env = append(s.Env, name+"="+value)
	}
	for _, mount := range signer.VolumeMounts {
		require.NoError(t, os.MkdirAll(m.root+mount.MountPath, 0o755))
		if mount.ReadOnly {
			continue
		}
		volume := t.TempDir()
		require.NoError(t, os.Chmod(filepath.Dir(volume), 0o755))
		require.NoError(t, os.Chown(volume, 65532, 65532))
		s.Volumes[mount.MountPath] = volume
	}
	require.NoError(t, os.WriteFile(m.root+"/etc/caddy/Caddyfile", []byte(caddyfileOf(t, template, manifests)), 0o644))
	return s
}

// The image starts as it is deployed: as another user, with no capability, on a read-only root that
// has only the image's files. What kubectl exec would run there works as well.
func TestImageStartsAsPod(t *testing.T) {
	t.Parallel()
	requireContainers(t)
	for name, of := range map[string]func(*testing.T, *image) served{
		"alone":          func(t *testing.T, m *image) served { return m.served(t, "PAYERMAX_GATEWAY=sandbox") },
		"in the sandbox": func(t *testing.T, m *image) served { return m.servedIn(t, "kubernetes/overlays/sandbox") },
	} {
		t.Run(name, func(t *testing.T) {
			made := buildImage(t, caddy(t))
			s := of(t, made)
			before, err := os.ReadDir(s.Root)
			require.NoError(t, err)
			readyz := "http://127.0.0.1:" + s.health + "/readyz"
			start(t, s.command(t, context.Background()), func() bool { return answers(readyz) })

			_, body := get(readyz)
			assert.Contains(t, body, `"status":"ok"`)
			assert.Contains(t, body, `"sandbox":true`)
			status, code, _ := post(t, client(new(http.Transport)), "http://127.0.0.1:"+s.signing+dropinPath, dropinCall)
			assert.Equal(t, http.StatusOK, status)
			assert.Equal(t, "APPLY_SUCCESS", code)

			for _, args := range [][]string{
				{"payermax-doctor", "--config", "/etc/caddy/Caddyfile", "--call"},
				{"payermax-health", "--url", readyz},
				{"validate", "--config", "/etc/caddy/Caddyfile"},
				made.healthcheck[1:],
			} {
				said, err := s.of(args...).command(t, t.Context()).CombinedOutput()
				assert.NoError(t, err, "%s\n%s", args, said)
			}
			after, err := os.ReadDir(s.Root)
			require.NoError(t, err)
			assert.Equal(t, names(before), names(after), "something was written")
		})
	}
}

// names returns the names of directory entries.
func names(entries []os.DirEntry) []string {
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

// Without a gateway the container exits at once, and says which variable is missing.
func TestImageWithoutGateway(t *testing.T) {
	t.Parallel()
	requireContainers(t)
	made := buildImage(t, caddy(t))
	for name, variables := range map[string][]string{
		"docker run without variables": nil, "empty": {"PAYERMAX_GATEWAY="}, "white space": {"PAYERMAX_GATEWAY= \t"},
		"all the others": {"PAYERMAX_APP_ID=app", "PAYERMAX_MERCHANT_NO=1", "PAYERMAX_PRIVATE_KEY=/run/secrets/private.key"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		said, err := made.served(t, variables...).command(t, ctx).CombinedOutput()
		assert.Error(t, err, name)
		assert.NoError(t, ctx.Err(), name)
		cancel()
		assert.Contains(t, string(said), "gateway is empty: expected uat, production, sandbox or a URL", name)
		assert.Contains(t, string(said), "PAYERMAX_GATEWAY", name)
	}
}

// A file capability keeps the image from starting, so TestImageStartsAsPod would notice one.
func TestImageWithCapabilityDoesNotStart(t *testing.T) {
	t.Parallel()
	requireContainers(t)
	made := buildImage(t, caddy(t))
	setCapability(t, made.root+"/usr/bin/caddy")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said, err := made.served(t, "PAYERMAX_GATEWAY=sandbox").command(t, ctx).CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(said), "exec /usr/bin/caddy: operation not permitted")
}
