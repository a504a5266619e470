package sandbox

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/gateways"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	box "github.com/caddy-payermax/caddy-payermax/sandbox"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// known returns a merchant whose key is testkeys.Merchant.
func known(t *testing.T) Merchant {
	t.Helper()
	return Merchant{AppID: "app", PublicKey: testkeys.WritePublic(t, &testkeys.Merchant().PublicKey)}
}

func TestProvisionRefuses(t *testing.T) {
	public := testkeys.WritePublic(t, &testkeys.Merchant().PublicKey)
	merchant := Merchant{AppID: "app", PublicKey: public}
	for words, s := range map[string]*Handler{
		"merchant: required":                                {},
		"merchant 1: public_key: required":                  {Merchants: []Merchant{{AppID: "app"}}},
		"merchant 1: public_key: public key file":           {Merchants: []Merchant{{AppID: "app", PublicKey: "no.pub"}}},
		"merchant 2: app_id: evaluated placeholder":         {Merchants: []Merchant{merchant, {AppID: "{env.PAYERMAX_TEST_UNSET}", PublicKey: public}}},
		"private_key: private key file " + public:           {Merchants: []Merchant{merchant}, PrivateKey: public},
		"time_scale must be positive":                       {Merchants: []Merchant{merchant}, TimeScale: -1},
		`sandbox: merchant 1: appId "app" is registered tw`: {Merchants: []Merchant{merchant, merchant}},
	} {
		assert.ErrorContains(t, testcaddy.Provision(t, s), words)
	}
}

// A site counts as a sandbox while its config is in use.
func TestSiteIsKnown(t *testing.T) {
	require.False(t, gateways.HasSandbox())
	s := &Handler{Merchants: []Merchant{known(t)}}
	require.NoError(t, testcaddy.Provision(t, s))
	assert.True(t, gateways.HasSandbox())
	require.NoError(t, s.Cleanup())
	assert.False(t, gateways.HasSandbox())
}

// A configured key signs. Otherwise, a key is generated, and its public half is logged for
// those who verify.
func TestKey(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	configured, err := (&Handler{PrivateKey: testkeys.WritePrivate(t, testkeys.Gateway())}).loadKey(caddy.NewReplacer(), zap.New(core))
	require.NoError(t, err)
	assert.True(t, configured.Equal(testkeys.Gateway()))
	assert.Zero(t, logs.Len())

	made, err := new(Handler).loadKey(caddy.NewReplacer(), zap.New(core))
	require.NoError(t, err)
	require.Equal(t, 1, logs.Len())
	logged, err := base64.StdEncoding.DecodeString(logs.All()[0].ContextMap()["gateway_public_key"].(string))
	require.NoError(t, err)
	assert.Equal(t, testkeys.SPKI(&made.PublicKey), logged)
}

// Configured options reach the gateway.
func TestOptions(t *testing.T) {
	d := caddyfile.NewTestDispenser(`payermax_sandbox {
		private_key ` + testkeys.WritePrivate(t, testkeys.Gateway()) + `
		time_scale 1000
		notify_hosts app.test
		strict
		no_control
		merchant {
			app_id app
			public_key ` + known(t).PublicKey + `
		}
	}`)
	s := new(Handler)
	require.NoError(t, s.UnmarshalCaddyfile(d))
	require.NoError(t, testcaddy.Provision(t, s))
	assert.Equal(t, 1000.0, s.gateway.TimeScale)
	assert.True(t, s.gateway.Strict)
	assert.True(t, s.gateway.NoControl)
	assert.True(t, s.gateway.PublicKey().Equal(&testkeys.Gateway().PublicKey))
	for host, allowed := range map[string]bool{"app.test": true, "127.0.0.1": true, "localhost": true, "other.test": false} {
		assert.Equal(t, allowed, s.gateway.AllowNotify(&url.URL{Scheme: "https", Host: host + ":8443"}), host)
	}
}

// Every answer of the site shows that it is a sandbox.
func TestServe(t *testing.T) {
	s := &Handler{Merchants: []Merchant{known(t)}}
	require.NoError(t, testcaddy.Provision(t, s))
	body := `{"version":"1.5","keyVersion":"1","requestTime":"2022-01-17T09:33:54.540+00:00","appId":"app","data":{}}`
	signature, err := signer.Sign(t.Context(), testkeys.Merchant(), []byte(body))
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, "/aggregate-pay/api/gateway/applyDropinSession", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sign", signature)
	w := httptest.NewRecorder()
	require.NoError(t, s.ServeHTTP(w, r, nil))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, box.ServerName, w.Header().Get("Server"))
	assert.Contains(t, w.Body.String(), "REQ_TIME_OVER_TIME", "the signature is right, and the time long ago")
	assert.NoError(t, signer.Verify(s.gateway.PublicKey(), w.Body.Bytes(), w.Header().Get("Sign")))
}
