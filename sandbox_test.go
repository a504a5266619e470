package payermax

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	sandboxsite "github.com/caddy-payermax/caddy-payermax/modules/sandbox"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// newSandbox is the sandbox as a site that knows merchantKey.
func newSandbox(t *testing.T) *sandboxsite.Handler {
	t.Helper()
	s := &sandboxsite.Handler{Merchants: []sandboxsite.Merchant{{AppID: "app", PublicKey: writePublicKey(t, &merchantKey().PublicKey)}}}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	require.NoError(t, s.Provision(ctx))
	t.Cleanup(func() { require.NoError(t, s.Cleanup()) })
	return s
}

// A sidecar whose gateway is the sandbox as a site of its own.
func TestSandboxSite(t *testing.T) {
	site := newSandbox(t)
	next := func(w http.ResponseWriter, r *http.Request) error { return site.ServeHTTP(w, r, nil) }

	w := serve(t, newHandler(t), post(sessionBody), next)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), protocol.CodeApplySuccess)

	stranger := newHandler(t, func(h *Handler) { h.KeyRaw = keyFile(writePrivateKey(t, newKey())) })
	assert.Contains(t, serve(t, stranger, post(sessionBody), next).Body.String(), protocol.CodeSignVerifyFailed)
	other := newHandler(t, func(h *Handler) { h.AppID = "other" })
	assert.Contains(t, serve(t, other, post(sessionBody), next).Body.String(), "MERCHANT_APP_INVALID")
}

// With gateway sandbox, the sandbox's page is the sidecar's as well.
func TestSandboxPageInSidecar(t *testing.T) {
	h := &Handler{Sandbox: true}
	require.NoError(t, testcaddy.Provision(t, h))
	w := serve(t, h, httptest.NewRequest(http.MethodGet, "/sandbox/", nil), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), "<title>")

	// Without the sandbox there is no such path.
	w = serve(t, newHandler(t), httptest.NewRequest(http.MethodGet, "/sandbox/", nil), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusNotFound, w.Code)
}

// What goes wrong with the embedded sandbox is to the application what it would be with a
// gateway on a network: the outcome is unknown, and the call may have been carried out.
func TestEmbeddedSandboxFailsAsARemoteOne(t *testing.T) {
	for fault, want := range map[string]struct {
		status int
		error  string
	}{
		"latency=5m": {http.StatusGatewayTimeout, "http_response_timeout"},
		"reset":      {http.StatusBadGateway, "connection_terminated"},
	} {
		t.Run(fault, func(t *testing.T) {
			h := &Handler{Sandbox: true, Timeout: caddy.Duration(10 * time.Second)}
			require.NoError(t, testcaddy.Provision(t, h))
			t.Parallel() // only now, since Caddy provisions one config at a time
			plan := httptest.NewRequest(http.MethodPut, "/sandbox/faults", strings.NewReader(`{"endpoint":"applyDropinSession","fault":"`+fault+`"}`))
			plan.Header.Set("Content-Type", "application/json")
			require.Equal(t, http.StatusNoContent, serve(t, h, plan, testcaddy.Unreachable(t)).Code)

			w := serve(t, h, post(sessionBody), testcaddy.Unreachable(t))
			assert.Equal(t, want.status, w.Code, "%s", w.Body)
			assert.Contains(t, w.Header().Get("Proxy-Status"), "error="+want.error)
			assert.Equal(t, "REQUEST_TIMEOUT", refusalOf(t, w).Code)
			// It was carried out all the same.
			calls := serve(t, h, httptest.NewRequest(http.MethodGet, "/sandbox/calls", nil), testcaddy.Unreachable(t))
			assert.Contains(t, calls.Body.String(), `"endpoint":"applyDropinSession"`)
		})
	}
}
