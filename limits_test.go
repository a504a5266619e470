package payermax

import (
	"crypto"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/gate"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// answering returns a next handler that accepts everything.
func answering(t *testing.T) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, `{"code":"APPLY_SUCCESS"}`)
		return err
	}
}

// sessionFor returns a request for a session with an amount.
func sessionFor(amount, currency, country string) string {
	return `{"data":{"totalAmount":` + amount + `,"currency":"` + currency + `","country":"` + country + `","userId":"U10001"}}`
}

func TestMaxAmount(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.Limits = &limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "10000", "USD": "19.99"}}}
	})
	off := newHandler(t, func(h *Handler) {
		h.Limits, h.Validation = &limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"USD": "19.99"}}}, validationOff
	})

	for _, test := range []struct {
		name    string
		h       *Handler
		body    string
		allowed bool
	}{
		{"exactly the limit", h, sessionFor("10000", "IDR", "ID"), true},
		{"one more", h, sessionFor("10001", "IDR", "ID"), false},
		{"another currency's limit", h, sessionFor("19.99", "USD", "US"), true},
		{"a hundredth more", h, sessionFor("20.00", "USD", "US"), false},
		{"written otherwise", h, sessionFor("2e1", "USD", "US"), false},
		{"a currency without a limit", h, sessionFor("1", "EUR", "DE"), false},
		{"not validated, within", off, sessionFor("19", "USD", "US"), true},
		{"not validated, beyond", off, sessionFor("20", "USD", "US"), false},
		{"not validated, as a string", off, sessionFor(`"20"`, "USD", "US"), false},
		{"not validated, no number", off, sessionFor(`"much"`, "USD", "US"), false},
		{"not validated, absurd", off, sessionFor(`1e999999999`, "USD", "US"), false},
		{"not validated, no currency", off, `{"data":{"totalAmount":1}}`, false},
		{"not validated, under another name", off, `{"data":{"TotalAmount":1000000,"currency":"USD"}}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.allowed {
				w := serve(t, test.h, post(test.body), answering(t))
				assert.Equal(t, http.StatusOK, w.Code, w.Body)
				return
			}
			w := serve(t, test.h, post(test.body), testcaddy.Unreachable(t))
			assert.Contains(t, []int{http.StatusForbidden, http.StatusBadRequest}, w.Code)
			refused := refusalOf(t, w)
			assert.Contains(t, []string{"AMOUNT_LIMIT_MAXIMUM", "PARAMS_INVALID"}, refused.Code)
			assert.NotEmpty(t, refused.Errors)
		})
	}
}

func TestRate(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.Limits = &limits.Limits{Quota: limits.Quota{Rate: 0.001, Burst: 2}} })
	for range 2 {
		assert.Equal(t, http.StatusOK, serve(t, h, post(sessionBody), answering(t)).Code)
	}
	// A request that is refused for another reason uses nothing up.
	w := serve(t, h, post(`{"data":{}}`), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusBadRequest, w.Code)

	w = serve(t, h, post(sessionBody), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	assert.Equal(t, "TOO_MANY_REQUEST", refusalOf(t, w).Code)
	assert.Equal(t, "1000", w.Header().Get("Retry-After"))
}

// A request that was never sent uses nothing up: it could not be signed, there was no
// time to send it, or the gateway could not be reached.
func TestRateIsGivenBack(t *testing.T) {
	unavailable := func(http.ResponseWriter, *http.Request) error {
		return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("no upstreams available"))
	}
	for name, test := range map[string]struct {
		key        crypto.Signer
		next       caddyhttp.HandlerFunc
		proxyError string
	}{
		"the key does not sign":         {failingKey{merchantKey(), errors.New("broken")}, testcaddy.Unreachable(t), "proxy_internal_error"},
		"there is no time to sign":      {failingKey{merchantKey(), gate.ErrOverloaded}, testcaddy.Unreachable(t), "http_request_denied"},
		"the gateway cannot be reached": {merchantKey(), unavailable, "destination_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, func(h *Handler) {
				h.Limits = &limits.Limits{
					Quota:    limits.Quota{Rate: 0.001, Burst: 2},
					CallerID: "{http.request.header.X-Caller}",
					Callers:  map[string]limits.Caller{"shop": {Quota: limits.Quota{Rate: 0.001, Burst: 2}}},
				}
			})
			call := func(next caddyhttp.HandlerFunc) *httptest.ResponseRecorder {
				r := post(sessionBody)
				r.Header.Set("X-Caller", "shop")
				return serve(t, h, r, next)
			}
			setKey(h, test.key)
			for range 5 {
				w := call(test.next)
				assert.Equal(t, http.StatusServiceUnavailable, w.Code)
				assert.Contains(t, w.Header().Get("Proxy-Status"), "error="+test.proxyError)
			}

			setKey(h, merchantKey())
			for range 2 {
				assert.Equal(t, http.StatusOK, call(answering(t)).Code)
			}
			assert.Equal(t, http.StatusTooManyRequests, call(testcaddy.Unreachable(t)).Code)
		})
	}
}

// failingKey is a key that fails to sign, for a given reason.
type failingKey struct {
	crypto.Signer
	reason error
}

func (k failingKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, k.reason }

// A call that was sent counts, even if its answer never arrives or is withheld.
func TestRateCountsWhatWasSent(t *testing.T) {
	h := newHandler(t, verifying(t), func(h *Handler) { h.Limits = &limits.Limits{Quota: limits.Quota{Rate: 0.001, Burst: 2}} })
	unverified := serve(t, h, post(sessionBody), answering(t))
	assert.Equal(t, "CHECK_SIGN_ERROR", refusalOf(t, unverified).Code)
	unknown := serve(t, h, post(sessionBody), func(http.ResponseWriter, *http.Request) error { return io.ErrUnexpectedEOF })
	assert.Equal(t, "REQUEST_TIMEOUT", refusalOf(t, unknown).Code)
	assert.Equal(t, http.StatusTooManyRequests, serve(t, h, post(sessionBody), testcaddy.Unreachable(t)).Code)
}

func TestCallers(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.Endpoints = []string{"drop_in"}
		h.Limits = &limits.Limits{
			CallerID: "{http.request.header.X-Caller}",
			Callers: map[string]limits.Caller{
				"shop":    {Endpoints: []string{protocol.SessionEndpoint}},
				"finance": {Endpoints: []string{"refund", "refundQuery"}},
				"anybody": {},
				"slow":    {Quota: limits.Quota{Rate: 0.001}},
			},
		}
	})
	for _, test := range []struct {
		caller string
		status int
		code   string
	}{
		{"shop", 200, ""},
		{"finance", 403, "CALLER_NOT_ALLOWED"},
		{"anybody", 200, ""},
		{"slow", 200, ""},
		{"slow", 429, "TOO_MANY_REQUEST"},
		{"shop", 200, ""},
		{"stranger", 403, "CALLER_NOT_ALLOWED"},
		{"", 403, "CALLER_NOT_ALLOWED"},
	} {
		r := post(sessionBody)
		r.Header.Set("X-Caller", test.caller)
		next := testcaddy.Unreachable(t)
		if test.status == 200 {
			next = answering(t)
		}
		w := serve(t, h, r, next)
		assert.Equal(t, test.status, w.Code, test.caller)
		if test.code != "" {
			assert.Equal(t, test.code, refusalOf(t, w).Code)
			assert.Contains(t, w.Header().Get("Proxy-Status"), "error=http_request_denied")
		}
	}
}

// A caller's limits hold for calls whose broken rules are only warned of.
func TestLimitsOfCallersWithWarnings(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.Validation = validationWarn
		h.Limits = &limits.Limits{
			CallerID: "{http.request.header.X-Caller}",
			Callers:  map[string]limits.Caller{"shop": {Quota: limits.Quota{MaxAmounts: map[string]string{"USD": "10"}}}},
		}
	})
	r := post(`{"data":{"totalAmount":10.001,"currency":"USD","country":"US","userId":"U10001"}}`) // one decimal too many
	r.Header.Set("X-Caller", "shop")
	w := serve(t, h, r, testcaddy.Unreachable(t))
	assert.Equal(t, "AMOUNT_LIMIT_MAXIMUM", refusalOf(t, w).Code)
}

func TestLimitsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Handler)
		err    string
	}{
		{"no amount", func(h *Handler) { h.Limits.MaxAmounts = map[string]string{"USD": "much"} }, `limits: max_amount USD: "much" is not an amount`},
		{"a fraction", func(h *Handler) { h.Limits.MaxAmounts = map[string]string{"USD": "1/3"} }, `"1/3" is not an amount`},
		{"a negative amount", func(h *Handler) { h.Limits.MaxAmounts = map[string]string{"USD": "-1"} }, `"-1" is not an amount`},
		{"no currency", func(h *Handler) { h.Limits.MaxAmounts = map[string]string{"usd": "1"} }, "max_amount: "},
		{"a negative rate", func(h *Handler) { h.Limits.Rate = -1 }, "limits: rate: must be a positive number"},
		{"a burst alone", func(h *Handler) { h.Limits.Burst = 5 }, "limits: burst: has no meaning without a rate"},
		{"callers without caller_id", func(h *Handler) { h.Limits.Callers = map[string]limits.Caller{"a": {}} }, "caller_id and callers belong together"},
		{"caller_id without callers", func(h *Handler) { h.Limits.CallerID = "{http.auth.user.id}" }, "caller_id and callers belong together"},
		{"a caller's endpoint that does not exist", func(h *Handler) { withCaller(h, limits.Caller{Endpoints: []string{"pay"}}) }, `caller a: endpoints: "pay" is neither an endpoint nor a group`},
		{"a caller's endpoint that is not enabled", func(h *Handler) { withCaller(h, limits.Caller{Endpoints: []string{"refund"}}) }, "caller a: endpoints: refund is not enabled"},
		{"a caller's wrong amount", func(h *Handler) {
			withCaller(h, limits.Caller{Quota: limits.Quota{MaxAmounts: map[string]string{"USD": ""}}})
		}, "caller a: max_amount USD"},
		{"amounts that are not known", func(h *Handler) {
			h.Endpoints = []string{"paymentOrderPay"}
			h.Limits.MaxAmounts = map[string]string{"USD": "1"}
		}, "max_amount: cannot be enforced for paymentOrderPay"},
		{"beside shadow mode", func(h *Handler) { h.Shadow = true }, "limits cannot be enforced in shadow mode"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey()))}, Limits: new(limits.Limits)}
			test.change(h)
			assert.ErrorContains(t, testcaddy.Provision(t, h), test.err)
		})
	}
}

func withCaller(h *Handler, c limits.Caller) {
	h.Limits.CallerID = "{http.auth.user.id}"
	h.Limits.Callers = map[string]limits.Caller{"a": c}
}

// Every endpoint that moves money either has rules that know its amounts, or cannot be
// enabled together with max_amount.
func TestMaxAmountIsForAllThatMovesMoney(t *testing.T) {
	for _, e := range protocol.Endpoints() {
		rules, _ := validate.Lookup(e.Name, e.Version)
		opened, err := (&limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"USD": "1"}}}).Open(limits.Place{
			Enabled: []limits.Endpoint{{Endpoint: e, Rules: rules}}, Store: stores.NewMemory(),
		})
		opened.Close()
		switch {
		case !e.MovesMoney:
			assert.NoError(t, err, e.Name)
			assert.False(t, rules != nil && rules.MovesMoney() && e.Name != protocol.SessionEndpoint, e.Name)
		case rules == nil:
			assert.ErrorContains(t, err, e.Name)
		default:
			assert.NoError(t, err, e.Name)
			assert.True(t, rules.MovesMoney(), e.Name)
		}
		assert.False(t, e.MovesMoney && e.Repeatable, e.Name)
	}
}

func TestValidationModes(t *testing.T) {
	const wrong = `{"data":{"totalAmount":1,"currency":"idr","country":"ID","userId":"U10001"}}`
	assert.Equal(t, http.StatusBadRequest, serve(t, newHandler(t), post(wrong), testcaddy.Unreachable(t)).Code)
	for _, mode := range []string{validationWarn, validationOff} {
		h := newHandler(t, func(h *Handler) { h.Validation = mode })
		assert.Equal(t, http.StatusOK, serve(t, h, post(wrong), answering(t)).Code, mode)

		// A request that is not strict JSON, or that contradicts the configuration, is
		// refused in any mode.
		for _, body := range []string{`{"data":{"a":1,"a":2}}`, `{"data":[]}`, `{"appId":"another","data":{}}`} {
			w := serve(t, h, post(body), testcaddy.Unreachable(t))
			assert.Equal(t, http.StatusBadRequest, w.Code, body)
		}
	}
	h := &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey()))}, Validation: "lax"}
	assert.ErrorContains(t, testcaddy.Provision(t, h), `validation must be strict, warn or off, but is "lax"`)
}

func TestContract(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.Contract = &Contract{Currencies: []string{"IDR"}, Countries: []string{"ID"}}
	})
	assert.Equal(t, http.StatusOK, serve(t, h, post(sessionFor("1", "IDR", "ID")), answering(t)).Code)
	w := serve(t, h, post(sessionFor("1", "USD", "US")), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusBadRequest, w.Code)
	var rules []string
	for _, v := range refusalOf(t, w).Errors {
		rules = append(rules, v.Rule)
	}
	assert.Equal(t, []string{"contract", "contract"}, rules)

	wrong := &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey()))}, Contract: &Contract{Currencies: []string{"RUPIAH"}}}
	assert.ErrorContains(t, testcaddy.Provision(t, wrong), "contract: ")
}
