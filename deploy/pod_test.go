package deploy

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// pod runs the signing container of one directory's pod on this machine: its Caddyfile and
// environment, with the mounted directories under a temporary one.
type pod struct {
	manifests *manifests
	template  *corev1.PodTemplateSpec
	native    bool
	root      string // stands for / of the container
	caddyfile string // the path
	env       []string
	// The ports that replace 8080, 8081 and 8443.
	signing, health, tls string
}

// newPod renders a directory and puts the files that its container mounts in place. Variables such
// as PAYERMAX_BIND=... replace those of the container; a variable without a value is removed.
func newPod(t *testing.T, folder string, variables ...string) *pod {
	t.Helper()
	p := &pod{manifests: render(t, folder), signing: freePort(t), health: freePort(t), tls: freePort(t)}
	var container *corev1.Container
	p.template, container = podOf(p.manifests)
	_, p.native = signer(&p.template.Spec)

	// Paths of sockets must be short, and those of t.TempDir are not.
	var err error
	p.root, err = os.MkdirTemp("", "pod")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(p.root) })
	for _, mount := range container.VolumeMounts {
		require.NoError(t, os.MkdirAll(p.root+mount.MountPath, 0o755))
	}

	env := environment(p.manifests, container)
	env["PAYERMAX_PORT"], env["PAYERMAX_HEALTH_PORT"] = p.signing, p.health
	for _, variable := range variables {
		name, value, found := strings.Cut(variable, "=")
		if env[name] = value; !found {
			delete(env, name)
		}
	}
	for name, value := range env {
		p.env = append(p.env, name+"="+p.here(value))
	}
	for _, i := range stages(t)[1] {
		if i.name == "ENV" { // Caddy's own directories in the image
			p.env = append(p.env, strings.Fields(strings.ReplaceAll(i.rest, "=/", "="+p.root+"/"))...)
		}
	}
	private, public := keyPair(t)
	for variable, key := range map[string]*pem.Block{"PAYERMAX_PRIVATE_KEY": private, "PAYERMAX_GATEWAY_PUBLIC_KEY": public} {
		if path, ok := env[variable]; ok {
			require.NoError(t, os.WriteFile(p.root+path, pem.EncodeToMemory(key), 0o600))
		}
	}
	p.caddyfile = filepath.Join(p.root, "etc/caddy/Caddyfile")
	require.NoError(t, os.WriteFile(p.caddyfile, []byte(p.here(caddyfileOf(t, p.template, p.manifests))), 0o600))
	return p
}

// here replaces the container's directories and ports by those of this machine.
func (p *pod) here(text string) string {
	return strings.NewReplacer(
		"/run/", p.root+"/run/",
		":8081 {", ":"+p.health+" {", ":8443 {", ":"+p.tls+" {", // of the shared gateway, which has a pod of its own
	).Replace(text)
}

// caddyfileOf returns the Caddyfile that the container mounts.
func caddyfileOf(t *testing.T, template *corev1.PodTemplateSpec, m *manifests) string {
	t.Helper()
	for _, volume := range template.Spec.Volumes {
		if volume.ConfigMap != nil {
			return m.configMaps[volume.ConfigMap.Name].Data["Caddyfile"]
		}
	}
	require.FailNow(t, "no ConfigMap is mounted")
	return ""
}

// caddy returns a command that runs the binary with the container's environment and nothing else.
func (p *pod) caddy(t *testing.T, ctx context.Context, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, caddy(t), args...)
	cmd.Dir, cmd.Env = p.root, p.env
	return cmd
}

// run starts the container.
func (p *pod) run(t *testing.T) *testprocess.Process {
	t.Helper()
	_, container := podOf(p.manifests)
	args := make([]string, len(container.Args))
	for i, arg := range container.Args {
		args[i] = strings.ReplaceAll(arg, "/etc/caddy/Caddyfile", p.caddyfile)
	}
	return start(t, p.caddy(t, context.Background(), args...), func() bool {
		return answers(p.probe(container.StartupProbe))
	})
}

// probe returns the URL that the kubelet would request.
func (p *pod) probe(probe *corev1.Probe) string {
	return "http://127.0.0.1:" + p.health + probe.HTTPGet.Path
}

// keyPair makes a key of the kind that PayerMax's merchants have.
func keyPair(t *testing.T) (private, public *pem.Block) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	pkix, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}, &pem.Block{Type: "PUBLIC KEY", Bytes: pkix}
}

// dropinPath and dropinCall make a call that the sandbox answers with success.
const (
	dropinPath = "/aggregate-pay/api/gateway/applyDropinSession"
	dropinCall = `{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}}`
)

// client returns an HTTP client with a timeout.
func client(transport *http.Transport) *http.Client {
	return &http.Client{Transport: transport, Timeout: time.Minute}
}
