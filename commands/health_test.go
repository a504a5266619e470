package commands_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// A real sidecar answers, on a port and on a Unix socket.
func TestHealthOfASidecar(t *testing.T) {
	t.Parallel()
	r := workplace(t)
	address := testnet.FreeAddress(t)
	// The path of a socket is limited to about a hundred characters.
	short, err := os.MkdirTemp("", "health")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(short) })
	socket := filepath.Join(short, "health.sock")
	r.write(t, "Caddyfile", fmt.Sprintf(`{
	admin off
	persist_config off
}
http://%s {
	payermax_health
}
http://localhost {
	bind unix/%s
	payermax_health
}
http://127.0.0.1:0 {
	payermax {
		gateway sandbox sandbox
		app_id a
		private_key merchant.key
	}
}
`, address, socket))
	port, unix := "http://"+address, "unix/"+socket+"|"
	got := r.caddy(t, "payermax-health", "--url", port+"/readyz")
	assert.Equal(t, 1, got.code, "it does not run yet")
	assert.Contains(t, got.stderr, "connection refused")

	sidecar := testprocess.Start(t, r.commandWithin(t, context.Background(), "run", "--config", "Caddyfile", "--adapter", "caddyfile"))
	t.Cleanup(func() { sidecar.Terminate(t, time.Minute) })
	sidecar.AwaitReady(t, func() bool {
		return r.caddy(t, "payermax-health", "--url", port+"/readyz").code == 0
	})

	_, number, _ := strings.Cut(address, ":")
	r.env = []string{"PAYERMAX_HEALTH_PORT=" + number}
	got = r.caddy(t, "payermax-health")
	assert.Zero(t, got.code, "it looks where Caddyfile.example puts it: %s", got.stderr)

	for _, url := range []string{port, unix} {
		for _, path := range []string{"/readyz", "/livez", "/startupz"} {
			got := r.caddy(t, "payermax-health", "--url", url+path)
			assert.Zero(t, got.code, got.stderr)
			assert.True(t, strings.HasPrefix(got.stdout, `{"status":"ok"`), got.stdout)
			assert.Empty(t, got.stderr)
		}
		got = r.caddy(t, "payermax-health", "--url", url+"/readyz", "--json")
		fields := got.fields(t)
		assert.Equal(t, true, fields["ok"])
		assert.Equal(t, 200.0, fields["status"])
		assert.Contains(t, fields["answer"].(map[string]any)["keys"].([]any)[0], "fingerprint")
	}
}

func TestHealthAnswers(t *testing.T) {
	t.Parallel()
	served := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, `{"status":"no_key"}`)
		case "/moved":
			http.Redirect(w, r, "/livez", http.StatusFound)
		case "/text":
			fmt.Fprint(w, "fine")
		case "/slow":
			<-served
		case "/endless":
			for range 1 << 10 {
				fmt.Fprint(w, strings.Repeat("x", 1<<10))
			}
		}
	}))
	t.Cleanup(func() { close(served); server.Close() })
	// Nothing listens at the address of the proxy.
	r := run{dir: t.TempDir(), env: []string{"HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1"}}

	got := r.caddy(t, "payermax-health", "--url", server.URL+"/readyz")
	assert.Equal(t, 1, got.code)
	assert.Equal(t, "{\"status\":\"no_key\"}\n", got.stdout)
	assert.Contains(t, got.stderr, "it answered 503 Service Unavailable")

	got = r.caddy(t, "payermax-health", "--url", server.URL+"/readyz", "--json")
	assert.Equal(t, 1, got.code)
	assert.JSONEq(t, `{"ok":false,"status":503,"answer":{"status":"no_key"}}`, got.stdout)
	assert.Empty(t, got.stderr)

	got = r.caddy(t, "payermax-health", "--url", server.URL+"/moved")
	assert.Equal(t, 1, got.code, "a redirect is not an answer")

	got = r.caddy(t, "payermax-health", "--url", server.URL+"/text")
	assert.Zero(t, got.code)
	assert.Equal(t, "fine\n", got.stdout)
	assert.JSONEq(t, `{"ok":true,"status":200}`, r.caddy(t, "payermax-health", "--url", server.URL+"/text", "--json").stdout)

	start := time.Now()
	got = r.caddy(t, "payermax-health", "--url", server.URL+"/slow", "--timeout", "200ms")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "there was no answer within 200ms")
	assert.Less(t, time.Since(start), 20*time.Second)

	got = r.caddy(t, "payermax-health", "--url", server.URL+"/endless")
	assert.Zero(t, got.code)
	assert.Len(t, got.stdout, 64<<10+1)

	got = r.caddy(t, "payermax-health", "--url", "unix/"+filepath.Join(r.dir, "no.sock")+"|/readyz", "--json")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.fields(t)["error"], "no such file")
}
