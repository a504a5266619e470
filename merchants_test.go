package payermax

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

var secondKey = sync.OnceValue(newKey)

// severalMerchants configures two merchants that are chosen by number and one that is
// chosen by a header.
func severalMerchants(t *testing.T) func(*Handler) {
	return func(h *Handler) {
		h.Merchant = Merchant{}
		first := MerchantChoice{Merchant: Merchant{AppID: "first", MerchantNo: "100", KeyRaw: keyFile(writePrivateKey(t, merchantKey()))}}
		second := MerchantChoice{Merchant: Merchant{AppID: "second", MerchantNo: "200", KeyRaw: keyFile(writePrivateKey(t, secondKey()))}}
		third := MerchantChoice{
			Merchant:       Merchant{AppID: "third", MerchantNo: "300", KeyRaw: keyFile(writePrivateKey(t, gatewayKey()))},
			MatcherSetsRaw: caddyhttp.RawMatcherSets{caddy.ModuleMap{"header": json.RawMessage(`{"X-Shop":["third"]}`)}},
		}
		h.Merchants = []MerchantChoice{first, second, third}
	}
}

func sessionOf(merchantNo string) string {
	return `{"merchantNo":"` + merchantNo + `",` + sessionBody[1:]
}

func TestMerchantIsChosen(t *testing.T) {
	h := newHandler(t, severalMerchants(t))
	for _, test := range []struct {
		name, merchantNo, shop string
		appID                  string
		key                    *rsa.PrivateKey
	}{
		{"by number", "100", "", "first", merchantKey()},
		{"by another number", "200", "", "second", secondKey()},
		{"by a header that is nobody's", "200", "nobody", "second", secondKey()},
		{"by the header", "", "third", "third", gatewayKey()},
		{"by the header, with its number", "300", "third", "third", gatewayKey()},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := post(sessionOf(test.merchantNo))
			r.Header.Set("X-Shop", test.shop)
			w := serve(t, h, r, func(w http.ResponseWriter, r *http.Request) error {
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				assert.Contains(t, string(body), `"appId":"`+test.appID+`"`)
				assert.NoError(t, signer.Verify(&test.key.PublicKey, body, r.Header.Get("Sign")))
				// This is not a session, because the same session for two merchants would
				// be withheld.
				_, err = io.WriteString(w, `{"code":"SYSTEM_BUSY"}`)
				return err
			})
			assert.Equal(t, http.StatusOK, w.Code, w.Body)
		})
	}
}

func TestMerchantIsNotChosen(t *testing.T) {
	h := newHandler(t, severalMerchants(t))
	for _, test := range []struct {
		name, merchantNo, shop, rule string
	}{
		{"no number", "", "", "required"},
		{"an unknown number", "400", "", "mismatch"},
		{"the number of one that is chosen by its header", "300", "", "mismatch"},
		{"the header of one and the number of another", "100", "third", "mismatch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := post(sessionOf(test.merchantNo))
			r.Header.Set("X-Shop", test.shop)
			w := serve(t, h, r, testcaddy.Unreachable(t))
			assert.Equal(t, http.StatusBadRequest, w.Code)
			refused := refusalOf(t, w)
			require.Len(t, refused.Errors, 1)
			assert.Equal(t, "/merchantNo", refused.Errors[0].Field)
			assert.Equal(t, test.rule, refused.Errors[0].Rule)
		})
	}
}

// A merchantNo that is a JSON number gets an error about its type, not about a missing
// field.
func TestMerchantIsNotChosenByANumber(t *testing.T) {
	h := newHandler(t, severalMerchants(t))
	w := serve(t, h, post(`{"merchantNo":100,`+sessionBody[1:]), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusBadRequest, w.Code)
	refused := refusalOf(t, w)
	require.Len(t, refused.Errors, 1)
	assert.Equal(t, "merchantNo must be a string, but is a number", refused.Errors[0].Message)
}

func TestMerchantsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Handler)
		err    string
	}{
		{"an option of one merchant beside several", func(h *Handler) { h.AppID = "app" }, "app_id: not allowed beside several merchants"},
		{"a key beside several", func(h *Handler) { h.KeyRaw = keyFile("key") }, "key: not allowed beside several merchants"},
		{"a number twice", func(h *Handler) { h.Merchants[1].MerchantNo = "100" }, "merchant 100: merchant_no: two merchants have this number"},
		{"a matcher that does not exist", func(h *Handler) {
			h.Merchants[2].MatcherSetsRaw = caddyhttp.RawMatcherSets{caddy.ModuleMap{"none": json.RawMessage(`{}`)}}
		}, "merchant 300: match: "},
		{"a next key of no source", func(h *Handler) { h.Merchants[1].NextKeyRaw = json.RawMessage(`{"source":"none"}`) }, "merchant 200: next_key: "},
		{"a key version that is nowhere", func(h *Handler) { h.Merchants[1].KeyVersion = "{file.none}" }, "merchant 200: key_version: "},
		{"neither number nor matcher", func(h *Handler) { h.Merchants[1].MerchantNo = "" }, "merchant_no: required"},
		{"no key", func(h *Handler) { h.Merchants[1].KeyRaw = nil }, "merchant 200: private_key: required"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := new(Handler)
			severalMerchants(t)(h)
			test.change(h)
			assert.ErrorContains(t, testcaddy.Provision(t, h), test.err)
		})
	}
}

// Shared options are set on the handler, and each merchant can override them.
func TestMerchantsShare(t *testing.T) {
	path := writePublicKey(t, &gatewayKey().PublicKey)
	h := newHandler(t, severalMerchants(t), func(h *Handler) {
		h.GatewayPublicKeys = []string{path}
		h.KeyVersion = "2"
		h.SPMerchantNo, h.MerchantAuthToken = "SP1", "{http.request.header.X-Token}"
		h.Merchants[1].KeyVersion = "3"
		h.Merchants[1].SPMerchantNo, h.Merchants[1].MerchantAuthToken = "SP2", "{http.request.header.X-Second-Token}"
	})
	assert.Equal(t, "2", h.merchants.byNumber["100"].keyring.Current().KeyVersion)
	assert.Equal(t, "3", h.merchants.byNumber["200"].keyring.Current().KeyVersion)
	var shared []string
	for _, m := range h.merchants.all() {
		assert.Len(t, m.keyring.Current().Gateway, 1)
		shared = append(shared, m.identity.MerchantNo+" "+m.identity.SPMerchantNo+" "+m.authToken)
	}
	assert.ElementsMatch(t, []string{
		"100 SP1 {http.request.header.X-Token}", "200 SP2 {http.request.header.X-Second-Token}", "300 SP1 {http.request.header.X-Token}",
	}, shared)
}

// A matcher that cannot be evaluated chooses no merchant, so nothing is signed.
func TestMerchantWhoseMatcherFails(t *testing.T) {
	h := newHandler(t, severalMerchants(t), func(h *Handler) {
		h.Merchants[2].MatcherSetsRaw = caddyhttp.RawMatcherSets{caddy.ModuleMap{"expression": json.RawMessage(`"int({http.request.header.X-Shop}) == 3"`)}}
	})
	r := post(sessionOf("100"))
	r.Header.Set("X-Shop", "CANARY")
	w := serve(t, h, r, testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, "SYSTEM_ERROR", refusalOf(t, w).Code)
	assert.NotContains(t, w.Body.String(), "CANARY")
}

func TestMerchantAuthToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("TOKEN-1\n"), 0o600))
	h := newHandler(t, func(h *Handler) { h.SPMerchantNo, h.MerchantAuthToken = "SP1", "{file."+path+"}" })

	sent := func() (tokens []string, body string, recorded *httptest.ResponseRecorder) {
		r := post(sessionBody)
		r.Header.Set(protocol.AuthTokenHeader, "the application's own")
		recorded = serve(t, h, r, func(w http.ResponseWriter, r *http.Request) error {
			tokens = map[string][]string(r.Header)[protocol.AuthTokenHeader]
			read, err := io.ReadAll(r.Body)
			body = string(read)
			require.NoError(t, err)
			_, err = io.WriteString(w, `{"code":"SYSTEM_BUSY"}`)
			return err
		})
		return tokens, body, recorded
	}
	tokens, body, _ := sent()
	assert.Equal(t, []string{"TOKEN-1"}, tokens)
	assert.Contains(t, body, `"spMerchantNo":"SP1"`)

	// The file may change. While it has no usable token, nothing is sent.
	require.NoError(t, os.WriteFile(path, []byte(" TOKEN-2 \r\n"), 0o600))
	tokens, _, _ = sent()
	assert.Equal(t, []string{"TOKEN-2"}, tokens)
	for _, broken := range []string{"", "a\nb"} {
		require.NoError(t, os.WriteFile(path, []byte(broken), 0o600))
		tokens, _, w := sent()
		assert.Nil(t, tokens)
		assert.Equal(t, http.StatusInternalServerError, w.Code)
		assert.Contains(t, w.Header().Get("Proxy-Status"), "error=proxy_configuration_error")
		assert.Contains(t, w.Body.String(), "the operator must correct it before a retry can succeed")
		assert.Empty(t, w.Header().Get("Retry-After"), "nothing that a retry cures")
	}
}

// If the token comes with the request, a request without it is the caller's mistake.
func TestMerchantAuthTokenOfTheRequest(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.MerchantAuthToken = "{http.request.header.X-Token}" })
	for token, want := range map[string]int{"TOKEN-1": http.StatusOK, "": http.StatusBadRequest, "TOKEN-1 # old": http.StatusBadRequest} {
		r := post(sessionBody)
		r.Header.Set("X-Token", token)
		w := serve(t, h, r, answering(t))
		assert.Equal(t, want, w.Code, token)
		if want != http.StatusOK {
			assert.Contains(t, w.Body.String(), "merchant_auth_token must come with each request")
			assert.NotContains(t, w.Body.String(), "TOKEN-1")
			assert.Empty(t, w.Header().Get("Retry-After"))
		}
	}
}

// Caddy's placeholder would join two headers into a token that PayerMax never issued.
func TestMerchantAuthTokenTwice(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.MerchantAuthToken = "{http.request.header.merchantAuthToken}" })
	for _, second := range []string{"TOKEN-2", "TOKEN-1", ""} {
		r := post(sessionBody)
		r.Header["Merchantauthtoken"] = []string{"TOKEN-1", second}
		w := serve(t, h, r, func(http.ResponseWriter, *http.Request) error { return errors.New("it was sent") })
		assert.Equal(t, http.StatusBadRequest, w.Code, second)
		assert.Contains(t, w.Body.String(), "the request has 2 headers merchantAuthToken; send one")
		assert.NotContains(t, w.Body.String(), "TOKEN-")
	}
}

func TestMerchantAuthTokenRefused(t *testing.T) {
	for configured, want := range map[string]string{
		"TOKEN-CANARY":             "expected a placeholder such as {file.",
		"{env.PAYERMAX_TEST_NONE}": "merchant_auth_token: ",
		"{file./no/such/token}":    "merchant_auth_token: ",
	} {
		h := &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey())), MerchantAuthToken: configured}}
		err := testcaddy.Provision(t, h)
		assert.ErrorContains(t, err, want, configured)
		assert.NotContains(t, err.Error(), "CANARY")
	}
}

// With several merchants as well, the config shows the sources of keys, never a key.
func TestMerchantsInJSON(t *testing.T) {
	h := new(Handler)
	severalMerchants(t)(h)
	encoded := caddyconfig.JSON(h, nil)
	var decoded Handler
	require.NoError(t, caddy.StrictUnmarshalJSON(encoded, &decoded))
	assert.Equal(t, *h, decoded)
}
