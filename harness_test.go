package payermax

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys"
)

const (
	sessionPath = "/aggregate-pay/api/gateway/applyDropinSession"
	sessionBody = `{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}}`
)

// The keys of the tests.
var (
	merchantKey = testkeys.Merchant
	gatewayKey  = testkeys.Gateway
)

func newKey() *rsa.PrivateKey { return testkeys.New(2048) }

// writePrivateKey writes a PKCS#8 file and returns its path.
func writePrivateKey(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	return testkeys.WritePrivate(t, key)
}

// writePublicKey writes an SPKI file and returns its path.
func writePublicKey(t *testing.T, key *rsa.PublicKey) string {
	t.Helper()
	return testkeys.WritePublic(t, key)
}

// newHandler returns a handler that signs with merchantKey, changed by the options and
// provisioned as Caddy does it.
func newHandler(t *testing.T, options ...func(*Handler)) *Handler {
	t.Helper()
	h := &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey()))}}
	for _, option := range options {
		option(h)
	}
	require.NoError(t, testcaddy.Provision(t, h))
	return h
}

// verifying makes the handler check answers with gatewayKey.
func verifying(t *testing.T) func(*Handler) {
	return func(h *Handler) { h.GatewayPublicKeys = []string{writePublicKey(t, &gatewayKey().PublicKey)} }
}

// keyFile returns the config of a key in a file.
func keyFile(path string) json.RawMessage {
	return caddyconfig.JSONModuleObject(keys.File{Path: path}, "source", "file", nil)
}

// post returns an application's request to open a session.
func post(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, sessionPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// serve lets the handler serve r, followed by next, and returns what the application
// gets.
func serve(t *testing.T, h *Handler, r *http.Request, next caddyhttp.HandlerFunc) *httptest.ResponseRecorder {
	t.Helper()
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil)
	w := httptest.NewRecorder()
	require.NoError(t, h.ServeHTTP(w, r, next))
	return w
}

// refusalOf decodes an answer that the sidecar itself gives.
func refusalOf(t *testing.T, w *httptest.ResponseRecorder) reply.Refusal {
	t.Helper()
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.True(t, strings.HasPrefix(w.Header().Get("Proxy-Status"), "caddy-payermax; error="), w.Header().Get("Proxy-Status"))
	var f reply.Refusal
	decoder := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&f))
	require.NotEmpty(t, f.Code)
	require.NotEmpty(t, f.Msg)
	return f
}
