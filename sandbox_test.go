package payermax

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

func provisionSandbox(t *testing.T, s *Sandbox) error {
	t.Helper()
	config, err := json.Marshal(s)
	require.NoError(t, err)
	*s = Sandbox{}
	require.NoError(t, caddy.StrictUnmarshalJSON(config, s))
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	t.Cleanup(func() { require.NoError(t, s.Cleanup()) })
	if err := s.Provision(ctx); err != nil {
		return err
	}
	return s.Validate()
}

// A sidecar whose gateway is the sandbox as a site of its own.
func TestSandboxSite(t *testing.T) {
	site := &Sandbox{Merchants: []SandboxMerchant{{AppID: "app", PublicKey: writePublicKey(t, &merchantKey().PublicKey)}}}
	require.NoError(t, provisionSandbox(t, site))
	next := func(w http.ResponseWriter, r *http.Request) error { return site.ServeHTTP(w, r, nil) }

	w := serve(t, newHandler(t), post(sessionBody), next)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), protocol.CodeApplySuccess)

	stranger := newHandler(t, func(h *Handler) { h.KeyRaw = keyFile(writePrivateKey(t, newKey())) })
	assert.Contains(t, serve(t, stranger, post(sessionBody), next).Body.String(), protocol.CodeSignVerifyFailed)
	other := newHandler(t, func(h *Handler) { h.AppID = "other" })
	assert.Contains(t, serve(t, other, post(sessionBody), next).Body.String(), "MERCHANT_APP_INVALID")
}

func TestSandboxProvisionRefuses(t *testing.T) {
	public := writePublicKey(t, &merchantKey().PublicKey)
	merchant := SandboxMerchant{AppID: "app", PublicKey: public}
	for words, s := range map[string]*Sandbox{
		"merchant: required":                                {},
		"merchant 1: public_key: required":                  {Merchants: []SandboxMerchant{{AppID: "app"}}},
		"merchant 1: public_key: public key file":           {Merchants: []SandboxMerchant{{AppID: "app", PublicKey: "no.pub"}}},
		"merchant 2: app_id: evaluated placeholder":         {Merchants: []SandboxMerchant{merchant, {AppID: "{env.PAYERMAX_TEST_UNSET}", PublicKey: public}}},
		"private_key: private key file " + public:           {Merchants: []SandboxMerchant{merchant}, PrivateKey: public},
		"time_scale must be positive":                       {Merchants: []SandboxMerchant{merchant}, TimeScale: -1},
		`sandbox: merchant 1: appId "app" is registered tw`: {Merchants: []SandboxMerchant{merchant, merchant}},
	} {
		assert.ErrorContains(t, provisionSandbox(t, s), words)
	}
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
