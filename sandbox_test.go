package payermax

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	sandboxsite "github.com/caddy-payermax/caddy-payermax/modules/sandbox"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// newSandbox returns the sandbox as a site that knows merchantKey.
func newSandbox(t *testing.T) *sandboxsite.Handler {
	t.Helper()
	s := &sandboxsite.Handler{Merchants: []sandboxsite.Merchant{{AppID: "app", PublicKey: writePublicKey(t, &merchantKey().PublicKey)}}}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	require.NoError(t, s.Provision(ctx))
	t.Cleanup(func() { require.NoError(t, s.Cleanup()) })
	return s
}

// A sidecar can use a sandbox that is a site of its own as its gateway.
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

// With gateway sandbox, the sidecar serves the sandbox's page as well.
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
