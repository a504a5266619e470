package limits_test

import (
	"math"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// callBy returns the placeholders of a request by this caller.
func callBy(id string) *caddy.Replacer {
	repl := caddy.NewReplacer()
	if id != "" {
		repl.Set("test.caller", id)
	}
	return repl
}

// An amount up to the largest is signed. A larger one is refused, and so is one in another
// currency or in a form that cannot be compared. A caller must keep to its own amount as
// well.
func TestOverallAndCallerAmounts(t *testing.T) {
	at := place(t, "orderAndPay", "refund", "orderQuery")
	l := open(t, limits.Limits{
		Quota:    limits.Quota{MaxAmounts: map[string]string{"IDR": "1000.50", "USD": "7"}},
		CallerID: "{test.caller}", Callers: map[string]limits.Caller{"shop": {Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "200"}}}, "office": {}},
	}, at)
	for name, test := range map[string]struct {
		caller, data string
		says         string // "" if it is signed
	}{
		"the most":                {"office", `{"totalAmount":1000.50,"currency":"IDR"}`, ""},
		"a hundredth more":        {"office", `{"totalAmount":1000.51,"currency":"IDR"}`, "more than"},
		"the most in dollars":     {"office", `{"totalAmount":"7","currency":"USD"}`, ""},
		"more in dollars":         {"office", `{"totalAmount":"7.01","currency":"USD"}`, "more than"},
		"more by next to nothing": {"office", `{"totalAmount":"7.00000000000000000001","currency":"USD"}`, "more than"}, // the same as a float64
		"more, but not at first":  {"office", `{"totalAmount":5,"currency":"USD","subscriptionPlan":{"periodAmount":{"amount":7.01,"currency":"USD"}}}`, "more than"},
		"in another currency":     {"office", `{"totalAmount":1,"currency":"EUR"}`, "it signs IDR, USD"},
		"no amount":               {"office", `{"currency":"IDR"}`, "totalAmount"},
		"the most of the caller":  {"shop", `{"totalAmount":200,"currency":"IDR"}`, ""},
		"more than the caller's":  {"shop", `{"totalAmount":200.01,"currency":"IDR"}`, "more than"},
		"a currency of all alone": {"shop", `{"totalAmount":1,"currency":"USD"}`, "it signs IDR"},
	} {
		t.Run(name, func(t *testing.T) {
			by, err := l.Admit("orderAndPay", callBy(test.caller))
			require.NoError(t, err)
			call := callOf(t, at, "orderAndPay", test.data)
			call.By = by
			_, err = l.Reserve(t.Context(), call)
			if test.says == "" {
				assert.NoError(t, err)
				return
			}
			refused := reply.AsRefusal(err)
			require.NotNil(t, refused)
			assert.Equal(t, http.StatusForbidden, refused.Status)
			assert.Equal(t, "AMOUNT_LIMIT_MAXIMUM", refused.Code)
			assert.Contains(t, refused.Msg, test.says)
			assert.Equal(t, limits.ByAmount, refused.Limit)
		})
	}

	// Without rules there are no amounts, as for a query. Open has made sure that no endpoint
	// without rules moves money.
	ruleless := callOf(t, at, "orderQuery", `{"totalAmount":99999,"currency":"IDR"}`)
	ruleless.Rules = nil
	_, err := l.Reserve(t.Context(), ruleless)
	assert.NoError(t, err)
	var unlimited *limits.Enforced
	by, err := unlimited.Admit("orderAndPay", callBy(""))
	assert.NoError(t, err)
	assert.Nil(t, by)
	_, err = unlimited.Reserve(t.Context(), order(t, at, "99999", "EUR"))
	assert.NoError(t, err)
}

// A caller_id that does not reliably identify the caller causes a warning at startup.
func TestUnreliableCallerIDWarns(t *testing.T) {
	for callerID, says := range map[string]string{
		"shop":                         "it is the same for all callers",
		"{http.request.header.X-User}": "{http.request.header.X-User} is written by the caller",
		"{http.request.uri.query.u}":   "is written by the caller",
		"{env.PAYERMAX_TEST_UNSET}":    "every call is refused: the environment variable PAYERMAX_TEST_UNSET is not set",
		"{env.PATH}":                   "it is the same for all callers",
		"{http.auth.user.id}{http.request.cookie.shop}": "{http.request.cookie.shop} is written",
		"{http.auth.user.idd}":                          "did you mean {http.auth.user.id}?",
		"{http.request.tls.client.subjekt}":             "{http.request.tls.client.subjekt} has no value, so every call is refused",
		"{http.auth.user.id}":                           "",
		"{http.auth.user.email}":                        "",
		"{http.request.tls.client.subject}":             "",
		"{http.request.tls.client.san.dns_names.0}":     "",
		"{http.request.remote.host}":                    "",
		"{shop}":                                        "",
	} {
		core, logs := observer.New(zap.WarnLevel)
		at := place(t, "refund")
		at.Logger = zap.New(core)
		open(t, limits.Limits{CallerID: callerID, Callers: map[string]limits.Caller{"shop": {}}}, at)
		if says == "" {
			assert.Empty(t, logs.All(), callerID)
			continue
		}
		require.Len(t, logs.All(), 1, callerID)
		assert.Contains(t, logs.All()[0].Message, "limits: caller_id: ")
		assert.Contains(t, logs.All()[0].Message, says)
	}
}

// An unknown or unnamed caller may call nothing, and a known caller only its own endpoints.
func TestAdmit(t *testing.T) {
	at := place(t, "orderAndPay", "refund", "orderQuery")
	l := open(t, limits.Limits{CallerID: "{test.caller}", Callers: map[string]limits.Caller{"shop": {}, "office": {Endpoints: []string{"orderQuery"}}}}, at)
	for _, test := range []struct {
		caller, endpoint, limit string
	}{
		{"shop", "orderAndPay", ""}, {"shop", "refund", ""}, {"office", "orderQuery", ""},
		{"office", "refund", limits.ByEndpoint}, {"thief", "orderQuery", limits.ByCaller}, {"", "orderQuery", limits.ByCaller},
		{"Shop", "orderAndPay", limits.ByCaller}, {"SHOP", "orderAndPay", limits.ByCaller}, {"shop ", "orderAndPay", limits.ByCaller},
	} {
		by, err := l.Admit(test.endpoint, callBy(test.caller))
		if test.limit == "" {
			assert.NoError(t, err, test)
			assert.NotNil(t, by, test)
			continue
		}
		refused := reply.AsRefusal(err)
		require.NotNil(t, refused, test)
		assert.Nil(t, by, test)
		assert.Equal(t, "CALLER_NOT_ALLOWED", refused.Code)
		assert.Equal(t, test.limit, refused.Limit, test)
	}

	// Not even where the config has callers of these names.
	odd := open(t, limits.Limits{CallerID: "{test.caller}", Callers: map[string]limits.Caller{"": {}, "{test.caller}": {}}}, at)
	empty := caddy.NewReplacer()
	empty.Set("test.caller", "")
	for name, repl := range map[string]*caddy.Replacer{"unknown": callBy(""), "empty": empty} {
		_, err := odd.Admit("orderAndPay", repl)
		requireRefused(t, err, limits.ByCaller)
		assert.Error(t, err, name)
	}
}

// A rate lets its burst through and no more. The caller's rate and that of all callers count
// together, and a request that one of them refuses takes nothing from the other.
func TestRatesCountTogether(t *testing.T) {
	const slow = 1e-9
	at := place(t, "orderAndPay", "refund", "orderQuery")
	l := open(t, limits.Limits{
		Quota:    limits.Quota{Rate: slow, Burst: 2},
		CallerID: "{test.caller}", Callers: map[string]limits.Caller{"shop": {Quota: limits.Quota{Rate: slow, Burst: 1}}, "office": {}},
	}, at)
	allow := func(caller string) (*limits.Reserved, error) {
		by, err := l.Admit("orderQuery", callBy(caller))
		require.NoError(t, err)
		call := callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`)
		call.By = by
		return l.Reserve(t.Context(), call)
	}
	_, err := allow("shop")
	require.NoError(t, err)
	_, err = allow("shop")
	refused := reply.AsRefusal(err)
	require.NotNil(t, refused)
	assert.Equal(t, http.StatusTooManyRequests, refused.Status)
	assert.Equal(t, limits.ByRate, refused.Limit)

	taken, err := allow("office") // the second in total, since the refused one took nothing
	require.NoError(t, err)
	_, err = allow("office")
	assert.Error(t, err)
	taken.Settle(stores.Unsent)
	_, err = allow("office")
	assert.NoError(t, err)
	(*limits.Reserved)(nil).Settle(stores.Unsent) // nil means that nothing was taken
}

// Retry-After is the time until there is room for one more request, in whole seconds. While
// the store cannot be reached, it is calculated from this replica's share.
func TestRetryAfter(t *testing.T) {
	for name, test := range map[string]struct {
		rate     float64
		burst    int
		replicas int // how many have lost their store, if any
		seconds  string
		back     string // once the store is back
	}{
		"a hundred a second":            {100, 1, 0, "1", "1"},
		"one a second":                  {1, 1, 0, "1", "1"},
		"two in five seconds":           {0.4, 1, 0, "3", "3"},
		"one in two seconds":            {0.5, 1, 0, "2", "2"},
		"a share, refused by the share": {1, 3, 3, "3", "1"},
		"a share, refused by the gate":  {1, 1, 3, "3", "3"}, // the gate does not ask whether the store is back
		"a share of a fast rate":        {100, 1, 3, "1", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, store := place(t, "orderQuery"), newReplicated()
				store.whenAsked(away)
				if test.replicas > 0 {
					at.Store = store
				}
				l := open(t, limits.Limits{Quota: limits.Quota{Rate: test.rate, Burst: test.burst}, Replicas: test.replicas}, at)
				query := callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`)
				untilRefused := func() string {
					for {
						if _, err := l.Reserve(t.Context(), query); err != nil {
							return requireRefused(t, err, limits.ByRate).Header.Get("Retry-After")
						}
					}
				}
				assert.Equal(t, test.seconds, untilRefused())
				store.whenAsked(nil)
				assert.Equal(t, test.back, untilRefused())
			})
		})
	}
}

// If it is not set, the burst is as many as in one second, and at least one.
func TestDefaultBurst(t *testing.T) {
	at := place(t, "orderQuery")
	query := callOf(t, at, "orderQuery", `{"outTradeNo":"P1"}`)
	slow := open(t, limits.Limits{Quota: limits.Quota{Rate: 0.001}}, at)
	assert.Equal(t, 1, signedAtOnce(t, slow, query))
	for rate, burst := range map[float64]int{2: 2, 2.5: 3} {
		l := open(t, limits.Limits{Quota: limits.Quota{Rate: rate}}, at)
		assert.GreaterOrEqual(t, signedAtOnce(t, l, query), burst, rate)
	}
}

// signedAtOnce returns how many calls are signed before one is refused.
func signedAtOnce(t *testing.T, l *limits.Enforced, call limits.Call) int {
	for n := 0; ; n++ {
		if _, err := l.Reserve(t.Context(), call); err != nil {
			return n
		}
	}
}

// A limit that could not be enforced is an error that names the problem.
func TestOpenRefuses(t *testing.T) {
	for says, l := range map[string]*limits.Limits{
		"rate: must be a positive number":                   {Quota: limits.Quota{Rate: -1}},
		"rate: must be a positive":                          {Quota: limits.Quota{Burst: -1}},
		"rate: must be":                                     {Quota: limits.Quota{Rate: math.NaN()}},
		"rate: must":                                        {Quota: limits.Quota{Rate: math.Inf(1)}},
		"burst: has no meaning without a rate":              {Quota: limits.Quota{Burst: 1}},
		"max_amount: ":                                      {Quota: limits.Quota{MaxAmounts: map[string]string{"RUPIAH": "1"}}},
		`max_amount IDR: "-1" is not an amount`:             {Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "-1"}}},
		`max_amount IDR: "1e3" is not an amount`:            {Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "1e3"}}},
		`max_amount IDR: "1/2" is not an amount`:            {Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "1/2"}}},
		`max_amount IDR: "" is not an amount`:               {Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": ""}}},
		"caller_id and callers belong together":             {CallerID: "{test.caller}"},
		"caller_id and callers belong together: ":           {Callers: map[string]limits.Caller{"shop": {}}},
		"caller shop: endpoints: ":                          {CallerID: "x", Callers: map[string]limits.Caller{"shop": {Endpoints: []string{"nothing"}}}},
		"caller shop: endpoints: capture is not enabled":    {CallerID: "x", Callers: map[string]limits.Caller{"shop": {Endpoints: []string{"capture"}}}},
		"caller shop: rate: must be a positive number of r": {CallerID: "x", Callers: map[string]limits.Caller{"shop": {Quota: limits.Quota{Rate: -1}}}},
	} {
		_, err := l.Open(place(t, "orderAndPay"))
		assert.ErrorContains(t, err, says)
	}

	// A name for several endpoints may include some that are not enabled.
	open(t, limits.Limits{CallerID: "x", Callers: map[string]limits.Caller{"shop": {Endpoints: []string{"drop_in"}}}}, place(t, "orderAndPay"))

	// An amount of zero refuses every call that moves money. An endpoint without rules has no
	// amounts to limit.
	open(t, limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "0"}}}, place(t, "orderAndPay"))
	at := place(t, "orderAndPay")
	unknown := &at.Enabled[0]
	unknown.Rules = nil
	_, err := (&limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "1"}}}).Open(at)
	assert.ErrorContains(t, err, "cannot be enforced for orderAndPay")
	open(t, limits.Limits{Quota: limits.Quota{Rate: 1}}, at)
	unknown.MovesMoney = false
	open(t, limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "1"}}}, at)
	none, err := (*limits.Limits)(nil).Open(limits.Place{})
	assert.NoError(t, err)
	assert.Nil(t, none)

	// A caller's limits may be on amounts that are unknown for endpoints that this caller may
	// not call.
	ofShop := func(endpoints ...string) *limits.Limits {
		shop := limits.Caller{Endpoints: endpoints, Quota: limits.Quota{Budgets: []limits.Budget{perDay("USD", "1")}}}
		return &limits.Limits{CallerID: "x", Callers: map[string]limits.Caller{"shop": shop}}
	}
	at = place(t, "paymentOrderPay", "refund", "orderQuery")
	open(t, *ofShop("refund"), at)
	_, err = ofShop("orderQuery").Open(at)
	assert.ErrorContains(t, err, "caller shop: budget USD: no enabled endpoint moves money")
	_, err = ofShop().Open(at)
	assert.ErrorContains(t, err, "caller shop: budget USD: budget: cannot be enforced for paymentOrderPay")
}
