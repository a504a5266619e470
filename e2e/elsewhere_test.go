package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// Caddy answers a request that no handler serves with an empty 200. A caller with a typo in the
// path or port would take that for a success, so the sidecar must never answer like that.

// requireNothingElsewhere requests paths of an address that nothing serves, by every method that a
// client may use, and under another host name.
func requireNothingElsewhere(t *testing.T, address string) {
	t.Helper()
	for _, path := range []string{"/", "/readyz/", "/aggregate-pay/api/gateway", "/metricsx"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead, http.MethodDelete, http.MethodOptions} {
			for _, host := range []string{address, "sidecar.example"} {
				r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
				require.NoError(t, err)
				r.Host = host
				answer, err := http.DefaultClient.Do(r)
				require.NoError(t, err)
				answer.Body.Close()
				assert.Equal(t, http.StatusNotFound, answer.StatusCode, "%s %s at %s, port %s", method, path, host, address)
			}
		}
	}
}

// requireOnlyAsked sends the probes requests that are not probes.
func requireOnlyAsked(t *testing.T, address string) {
	t.Helper()
	for _, path := range []string{"/livez", "/readyz", "/startupz"} {
		answer, err := http.Post("http://"+address+path, "application/json", strings.NewReader("{}"))
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode, path)
		assert.Equal(t, "GET, HEAD", answer.Header.Get("Allow"), path)
		answer, err = http.Head("http://" + address + path)
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, http.StatusOK, answer.StatusCode, path)
	}
}

// The config of the image has two sites.
func TestNothingElsewhereInTheImage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Caddyfile.example")
	require.NoError(t, err)
	for _, gateway := range []string{"uat", "sandbox"} {
		env := exampleEnvironment(t, gateway)
		if gateway == "sandbox" {
			for _, credential := range []string{"PAYERMAX_APP_ID", "PAYERMAX_MERCHANT_NO", "PAYERMAX_PRIVATE_KEY", "PAYERMAX_GATEWAY_PUBLIC_KEY"} {
				delete(env, credential)
			}
		}
		startWith(t, string(text), env)
		requireNothingElsewhere(t, env.address("PAYERMAX_PORT"))
		requireNothingElsewhere(t, env.address("PAYERMAX_HEALTH_PORT"))
		requireOnlyAsked(t, env.address("PAYERMAX_HEALTH_PORT"))
	}
}

// The sandbox serves its own pages and no others.
func TestNothingElsewhereInTheSandbox(t *testing.T) {
	t.Parallel()
	s := startSidecar(t, setup{site: fmt.Sprintf("payermax_sandbox {\nmerchant {\napp_id %s\npublic_key %s\n}\n}",
		appID, testkeys.WritePublic(t, &testkeys.Merchant().PublicKey))})
	requireNothingElsewhere(t, s.addr)

	port := strconv.Itoa(testnet.FreePort(t))
	demo := testprocess.Start(t, caddyCommand(t, context.Background(), nil, "payermax-demo", "--serve", "--port", port))
	defer func() {
		demo.Signal(t, os.Interrupt)
		demo.Wait(t, patience)
		assert.Zero(t, demo.ExitCode())
	}()
	demo.AwaitLine(t, "docs/quick-start.md")
	requireNothingElsewhere(t, "127.0.0.1:"+port)
}
