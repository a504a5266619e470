package e2e

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// newUpstreamFor is like newUpstream, for several merchants, each with its own key (keyed by
// appId), and for all endpoints.
func newUpstreamFor(t *testing.T, keys map[string]*rsa.PrivateKey) *upstream {
	t.Helper()
	u := open(t, anyPort, nil)
	t.Cleanup(func() {
		u.end()
		for _, r := range u.received() {
			assert.NoError(t, u.judgeFor(r, keys), "%q", r.raw)
		}
	})
	return u
}

// judgeFor is like judge, with the key of the merchant whose appId the body names.
func (u *upstream) judgeFor(r *request, keys map[string]*rsa.PrivateKey) error {
	var body struct{ AppID string }
	if err := json.Unmarshal(r.body, &body); err != nil {
		return err
	}
	key, ok := keys[body.AppID]
	if !ok {
		return fmt.Errorf("appId %q", body.AppID)
	}
	signatures := r.values("sign")
	if len(signatures) != 1 {
		return fmt.Errorf("%d signatures", len(signatures))
	}
	if err := verify(&key.PublicKey, r.body, signatures[0]); err != nil {
		return err
	}
	if !strings.HasPrefix(r.target, "/aggregate-pay/api/gateway/") {
		return fmt.Errorf("request line %s %s %s", r.method, r.target, r.proto)
	}

	known := *r
	known.target = u.path
	known.fields = nil
	for _, f := range r.fields {
		switch {
		case strings.EqualFold(f.name, "sign"):
			known.fields = append(known.fields, field{f.name, sign(testkeys.Merchant(), r.body)})
		case f.name == "merchant_auth_token": // from a service provider
		default:
			known.fields = append(known.fields, f)
		}
	}
	return u.judge(&known)
}

// forMerchant returns a validBody with a merchantNo.
func forMerchant(number string) string {
	return `{"merchantNo":"` + number + `",` + validBody()[1:]
}

// merchantsSite returns a site that signs for several merchants, whose blocks are given, and
// exposes their metrics and health.
func merchantsSite(t *testing.T, gateway *upstream, blocks ...string) string {
	return "payermax_health\nmetrics /metrics\npayermax /aggregate-pay/* {\ngateway " + gateway.url() +
		"\n" + unhurried + "\ngateway_public_key " + testkeys.WritePublic(t, &testkeys.Gateway().PublicKey) + "\n" + strings.Join(blocks, "\n") + "\n}"
}

// merchantBlock returns the block of one of several merchants.
func merchantBlock(number, app, key, options string) string {
	return fmt.Sprintf("merchant %s {\napp_id %s\nprivate_key %s\n%s\n}", number, app, key, options)
}

func TestSeveralMerchants(t *testing.T) {
	t.Parallel()
	gateway := newUpstreamFor(t, map[string]*rsa.PrivateKey{"first": testkeys.Merchant(), "second": testkeys.Stranger()})
	s := startSidecar(t, setup{site: merchantsSite(t, gateway,
		merchantBlock("100", "first", testkeys.WritePrivate(t, testkeys.Merchant()), ""),
		merchantBlock("200", "second", testkeys.WritePrivate(t, testkeys.Stranger()), ""))})

	for number, app := range map[string]string{"100": "first", "200": "second"} {
		body := forMerchant(number)
		requireSuccess(t, s.post(t, body))
		sent := readEnvelope(t, gateway.received()[len(gateway.received())-1])
		assert.Equal(t, app, sent.AppID)
		assert.Equal(t, number, sent.MerchantNo)
		s.AwaitLine(t, `"msg":"call"`, `"app_id":"`+app+`"`)
	}
	require.Len(t, gateway.received(), 2)

	// Both merchants are used at the same time, and are never mixed up.
	var calls sync.WaitGroup
	for i := range 40 {
		calls.Go(func() {
			requireSuccess(t, s.post(t, forMerchant([]string{"100", "200"}[i%2])))
		})
	}
	calls.Wait()
	require.Len(t, gateway.received(), 42)

	health, shown := get(t, "http://"+s.addr+"/readyz"), get(t, "http://"+s.addr+"/metrics")
	assert.Equal(t, 2, strings.Count(health, `"fingerprint"`), health)
	assert.Equal(t, 2, strings.Count(shown, "\ncaddy_payermax_key_info{"))
}

func TestUnknownMerchant(t *testing.T) {
	t.Parallel()
	gateway := newUpstreamFor(t, nil)
	s := startSidecar(t, setup{site: merchantsSite(t, gateway,
		merchantBlock("100", "first", testkeys.WritePrivate(t, testkeys.Merchant()), ""),
		merchantBlock("200", "second", testkeys.WritePrivate(t, testkeys.Stranger()), "match header X-Shop second"))})

	for name, test := range map[string]struct {
		body, rule string
		fields     []string
	}{
		"none":                             {validBody(), "required", nil},
		"empty":                            {forMerchant(""), "required", nil},
		"another":                          {forMerchant("300"), "mismatch", nil},
		"one that begins alike":            {forMerchant("1000"), "mismatch", nil},
		"with white space":                 {forMerchant("100 "), "mismatch", nil},
		"one that is chosen by its header": {forMerchant("200"), "mismatch", nil},
		"with somebody else's header":      {forMerchant("200"), "mismatch", []string{"X-Shop: third"}},
		"its header, another's number":     {forMerchant("100"), "mismatch", []string{"X-Shop: second"}},
		"a number that is a number":        {`{"merchantNo":100,` + validBody()[1:], "type", nil},
	} {
		t.Run(name, func(t *testing.T) {
			refused := requireRefusal(t, s.post(t, test.body, test.fields...), http.StatusBadRequest, "PARAMS_INVALID")
			require.NotEmpty(t, refused.Errors)
			assert.Equal(t, "/merchantNo", refused.Errors[0].Field)
			assert.Equal(t, test.rule, refused.Errors[0].Rule)
			assert.NotContains(t, refused.Msg, "00", "it repeats a number")
		})
	}
	gateway.requireUntouched(t)
}

// A merchant can be selected by anything that Caddy can match, such as a header, or the
// authenticated user, which nobody can fake.
func TestMerchantByMatcher(t *testing.T) {
	t.Parallel()
	hash := strings.TrimSpace(passwordHash(t, "password"))
	gateway := newUpstreamFor(t, map[string]*rsa.PrivateKey{"first": testkeys.Merchant(), "second": testkeys.Stranger(), "third": testkeys.Gateway()})
	s := startSidecar(t, setup{site: fmt.Sprintf("basic_auth {\nanna %[1]s\nberta %[1]s\nclara %[1]s\n}\n", hash) +
		merchantsSite(t, gateway,
			merchantBlock("100", "first", testkeys.WritePrivate(t, testkeys.Merchant()), "match vars {http.auth.user.id} anna"),
			merchantBlock("200", "second", testkeys.WritePrivate(t, testkeys.Stranger()), "match {\nvars {http.auth.user.id} berta\nheader X-Shop second\n}"),
			merchantBlock("", "third", testkeys.WritePrivate(t, testkeys.Gateway()), "match header X-Shop third\nmatch header X-Shop fourth"))})

	for name, test := range map[string]struct {
		user, shop, number string
		app                string // empty if the call is refused
	}{
		"by user":                        {"anna", "", "", "first"},
		"by user, with its number":       {"anna", "", "100", "first"},
		"by user, another's number":      {"anna", "", "200", ""},
		"the first that matches":         {"anna", "third", "", "first"},
		"by user and header":             {"berta", "second", "200", "second"},
		"by user, without the header":    {"berta", "", "200", ""},
		"by header, as another user":     {"clara", "second", "200", ""},
		"by header alone":                {"clara", "third", "", "third"},
		"by the other of two matchers":   {"clara", "fourth", "", "third"},
		"the application's own number":   {"clara", "fourth", "7", "third"},
		"the first's number, as clara":   {"clara", "", "100", ""},
		"nothing that anybody goes by":   {"clara", "", "", ""},
		"a header in capitals":           {"clara", "THIRD", "", ""},
		"a header that begins the same":  {"clara", "thirdly", "", ""},
		"a header with something before": {"clara", "a third", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			block, user := data()
			body := `{"data":` + block + `}`
			if test.number != "" {
				body = `{"merchantNo":"` + test.number + `","data":` + block + `}`
			}
			fields := []string{basic(test.user, "password")}
			if test.shop != "" {
				fields = append(fields, "X-Shop: "+test.shop)
			}
			res := s.post(t, body, fields...)
			if test.app == "" {
				requireRefusal(t, res, http.StatusBadRequest, "PARAMS_INVALID")
				require.Empty(t, gateway.about(user))
				return
			}
			requireSuccess(t, res)
			require.Len(t, gateway.about(user), 1)
			assert.Equal(t, test.app, readEnvelope(t, gateway.about(user)[0]).AppID)
		})
	}
}

// signedBy reports whether the last call that a gateway received is signed with a key.
func signedBy(gateway *upstream, key *rsa.PrivateKey) bool {
	all := gateway.received()
	last := all[len(all)-1]
	return verify(&key.PublicKey, last.body, last.values("sign")[0]) == nil
}

// A change of one merchant's keys does not affect the other's.
func TestMerchantsChangeKeysApart(t *testing.T) {
	t.Parallel()
	gateway := open(t, anyPort, nil)
	first, second := testkeys.WritePrivate(t, testkeys.Merchant()), testkeys.WritePrivate(t, testkeys.Stranger())
	s := startSidecar(t, setup{site: merchantsSite(t, gateway,
		merchantBlock("100", "first", first, ""), merchantBlock("200", "second", second, ""))})
	signs := func(number string, key *rsa.PrivateKey) bool {
		requireSuccess(t, s.post(t, forMerchant(number)))
		return signedBy(gateway, key)
	}
	require.True(t, signs("100", testkeys.Merchant()))
	require.True(t, signs("200", testkeys.Stranger()))

	require.NoError(t, os.WriteFile(second, []byte(testkeys.PrivatePEM(testkeys.Next())), 0o600))
	await(t, patience, "the second merchant's new key", func() bool { return signs("200", testkeys.Next()) })
	assert.True(t, signs("100", testkeys.Merchant()))

	require.NoError(t, os.WriteFile(first, []byte("no key"), 0o600))
	s.AwaitLine(t, "the new keys cannot be used", first)
	assert.True(t, signs("100", testkeys.Merchant()))
	assert.True(t, signs("200", testkeys.Next()))
	assert.Contains(t, get(t, "http://"+s.addr+"/readyz"), `"degraded"`)
}

func TestValidateRefusesMerchants(t *testing.T) {
	t.Parallel()
	key := testkeys.WritePrivate(t, testkeys.Merchant())
	good := merchantBlock("100", "first", key, "")
	for name, test := range map[string]struct {
		options []string
		says    []string
	}{
		"the same number twice":       {[]string{good, merchantBlock("100", "second", key, "")}, []string{"merchant 100: ", "two merchants"}},
		"no number and no match":      {[]string{good, merchantBlock("", "second", key, "")}, []string{"merchant_no: ", "match"}},
		"an empty number":             {[]string{good, merchantBlock("{env.EMPTY}", "second", key, "")}, []string{"merchant_no: ", "env.EMPTY"}},
		"no key":                      {[]string{good, "merchant 200 {\napp_id second\n}"}, []string{"merchant 200: ", "private_key: ", "required"}},
		"no app_id":                   {[]string{good, "merchant 200 {\nprivate_key " + key + "\n}"}, []string{"merchant 200: ", "app_id: ", "required"}},
		"app_id beside them":          {[]string{good, "app_id third"}, []string{"app_id: ", "several merchants"}},
		"a key beside them":           {[]string{good, "private_key " + key}, []string{"key: ", "several merchants"}},
		"an option of the handler's":  {[]string{merchantBlock("100", "first", key, "endpoints all")}, []string{"endpoints", "merchant"}},
		"an option of the proxy's":    {[]string{merchantBlock("100", "first", key, "lb_retries 3")}, []string{"lb_retries", "merchant"}},
		"two numbers":                 {[]string{merchantBlock("100 200", "first", key, "")}, []string{"merchant has 2 values", "expected merchant [<merchant_no>]"}},
		"a matcher that is none":      {[]string{merchantBlock("100", "first", key, "match no_such_matcher x")}, []string{"no_such_matcher"}},
		"a token instead of its file": {[]string{merchantBlock("100", "first", key, "merchant_auth_token canary")}, []string{"merchant_auth_token: ", "placeholder"}},
		"a token's file is missing":   {[]string{merchantBlock("100", "first", key, "merchant_auth_token {file./no/such/file}")}, []string{"merchant 100: ", "merchant_auth_token: "}},
	} {
		t.Run(name, func(t *testing.T) {
			out, valid := validateConfig(t, "payermax {\ngateway uat\n"+strings.Join(test.options, "\n")+"\n}", "EMPTY=")
			require.False(t, valid, out)
			for _, words := range test.says {
				require.Contains(t, out, words)
			}
			require.NotContains(t, out, "canary")
		})
	}
	out, valid := validateConfig(t, "payermax {\ngateway uat\n"+strings.Join(slices.Concat([]string{good}, []string{merchantBlock("200", "second", key, "")}), "\n")+"\n}")
	require.True(t, valid, out)
}
