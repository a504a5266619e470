package deploy

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The sandbox's pod answers calls without PayerMax.
func TestSandboxPod(t *testing.T) {
	t.Parallel()
	p := newPod(t, "kubernetes/overlays/sandbox", "PAYERMAX_SHUTDOWN_DELAY=6s")
	process := p.run(t)
	status, code, _ := post(t, client(new(http.Transport)), "http://127.0.0.1:"+p.signing+dropinPath, dropinCall)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "APPLY_SUCCESS", code)
	_, container := podOf(p.manifests)
	assert.True(t, answers(p.probe(container.LivenessProbe)))
	assert.True(t, answers(p.probe(container.ReadinessProbe)))

	// As when the pod ends: no longer ready, but still serving during the delay.
	process.Signal(t, syscall.SIGTERM)
	await(t, 5*time.Second, "the readiness probe to fail", func() bool {
		status, _ := get(p.probe(container.ReadinessProbe))
		return status == http.StatusServiceUnavailable
	})
	_, code, _ = post(t, client(new(http.Transport)), "http://127.0.0.1:"+p.signing+dropinPath, dropinCall)
	assert.Equal(t, "APPLY_SUCCESS", code)
	process.Wait(t, time.Minute)
	assert.Zero(t, process.ExitCode())
}

// A pod with keys starts and is ready although PayerMax cannot be reached, and refuses a path that
// is not an endpoint.
func TestPodWithKeys(t *testing.T) {
	t.Parallel()
	p := newPod(t, "kubernetes/overlays/production", "PAYERMAX_SHUTDOWN_DELAY=10ms")
	p.run(t)
	_, container := podOf(p.manifests)
	status, body := get(p.probe(container.ReadinessProbe))
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"source":"file"`)
	status, code, _ := post(t, client(new(http.Transport)), "http://127.0.0.1:"+p.signing+"/aggregate-pay/api/gateway/none", dropinCall)
	assert.Equal(t, http.StatusNotFound, status)
	assert.Equal(t, "NOT_FOUND", code)
}

// Only the sidecar and its group can use the socket. The sidecar starts again after it was killed,
// although the volume, and so the old socket, is still there.
func TestUnixSocketPod(t *testing.T) {
	t.Parallel()
	p := newPod(t, "kubernetes/overlays/unix-socket",
		"PAYERMAX_GATEWAY=sandbox sandbox", "PAYERMAX_PRIVATE_KEY", "PAYERMAX_GATEWAY_PUBLIC_KEY", "PAYERMAX_SHUTDOWN_DELAY=10ms")
	socket := p.root + "/run/payermax/payermax.sock"
	app := client(&http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}})
	call := func() {
		t.Helper()
		_, code, _ := post(t, app, "http://payermax"+dropinPath, dropinCall)
		assert.Equal(t, "APPLY_SUCCESS", code)
		info, err := os.Stat(socket)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o660), info.Mode().Perm())
	}

	first := p.run(t)
	call()
	first.Kill()
	app.CloseIdleConnections()
	require.FileExists(t, socket)
	p.run(t)
	call()

	_, err := net.Dial("tcp", "127.0.0.1:"+p.signing)
	assert.Error(t, err, "nothing listens on the port any more")
}

// The shared gateway signs only for clients that have a certificate of the callers' CA.
func TestSharedGatewayPod(t *testing.T) {
	t.Parallel()
	p := newPod(t, "kubernetes/overlays/shared-gateway",
		"PAYERMAX_GATEWAY=sandbox sandbox", "PAYERMAX_PRIVATE_KEY", "PAYERMAX_GATEWAY_PUBLIC_KEY", "PAYERMAX_SHUTDOWN_DELAY=10ms")
	folder := makeCertificates(t, p)
	process := p.run(t)
	// The gateway's own certificate and key, which the callers' CA has not signed.
	stranger, err := tls.LoadX509KeyPair(filepath.Join(folder, "gateway.crt"), filepath.Join(folder, "gateway.key"))
	require.NoError(t, err)
	shop, err := tls.LoadX509KeyPair(filepath.Join(folder, "shop.crt"), filepath.Join(folder, "shop.key"))
	require.NoError(t, err)

	// Dials the gateway, as the Service's name would lead there.
	dial := func(c *http.Client) *http.Client {
		c.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+p.tls)
		}
		return c
	}
	url := "https://payermax-gateway" + dropinPath
	for name, refused := range map[string]*http.Client{
		"without a certificate": dial(caller(t, folder)), "with another CA's": dial(caller(t, folder, stranger)),
	} {
		// The reason may be lost: the gateway closes the connection at once.
		_, err := refused.Post(url, "application/json", strings.NewReader(dropinCall))
		assert.Error(t, err, name)
	}
	_, code, body := post(t, dial(caller(t, folder, shop)), url, dropinCall)
	assert.Equal(t, "APPLY_SUCCESS", code, body)
	process.Prints(t, 1, `"msg":"call"`)
}
