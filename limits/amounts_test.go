package limits

import (
	"math"
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// endpointOf is an endpoint with its rules.
func endpointOf(t *testing.T, name string) Endpoint {
	t.Helper()
	e, ok := protocol.Lookup(name)
	require.True(t, ok, name)
	rules, ok := validate.Lookup(e.Name, e.Version)
	require.True(t, ok, name)
	return Endpoint{Endpoint: e, Rules: rules}
}

// opened are limits for the endpoints of a payment.
func opened(t *testing.T, l *Limits) *Enforced {
	t.Helper()
	e, err := l.Open([]Endpoint{endpointOf(t, "orderAndPay"), endpointOf(t, "refund"), endpointOf(t, "orderQuery")})
	require.NoError(t, err)
	return e
}

// callBy is a request by somebody, as a placeholder.
func callBy(id string) *caddy.Replacer {
	repl := caddy.NewReplacer()
	if id != "" {
		repl.Set("test.caller", id)
	}
	return repl
}

// The largest amount is signed, and nothing beyond it, in another currency, or in a form
// that cannot be compared; whoever calls must keep to their own amount as well.
func TestAmountsOfEverybodyAndOfTheCaller(t *testing.T) {
	l := opened(t, &Limits{
		Quota:    Quota{MaxAmounts: map[string]string{"IDR": "1000.50", "USD": "7"}},
		CallerID: "{test.caller}", Callers: map[string]Caller{"shop": {Quota: Quota{MaxAmounts: map[string]string{"IDR": "200"}}}, "office": {}},
	})
	pay := endpointOf(t, "orderAndPay").Rules
	for name, test := range map[string]struct {
		caller, data string
		says         string // "" if it is signed
	}{
		"the most":                {"office", `{"totalAmount":1000.50,"currency":"IDR"}`, ""},
		"a hundredth more":        {"office", `{"totalAmount":1000.51,"currency":"IDR"}`, "more than"},
		"the most in dollars":     {"office", `{"totalAmount":"7","currency":"USD"}`, ""},
		"more in dollars":         {"office", `{"totalAmount":"7.01","currency":"USD"}`, "more than"},
		"in another currency":     {"office", `{"totalAmount":1,"currency":"EUR"}`, "it signs IDR, USD"},
		"no amount":               {"office", `{"currency":"IDR"}`, "totalAmount"},
		"the most of the caller":  {"shop", `{"totalAmount":200,"currency":"IDR"}`, ""},
		"more than the caller's":  {"shop", `{"totalAmount":200.01,"currency":"IDR"}`, "more than"},
		"a currency of all alone": {"shop", `{"totalAmount":1,"currency":"USD"}`, "it signs IDR"},
	} {
		t.Run(name, func(t *testing.T) {
			by, err := l.Admit("orderAndPay", callBy(test.caller))
			require.NoError(t, err)
			_, err = l.Allow(by, pay, []byte(test.data))
			if test.says == "" {
				assert.NoError(t, err)
				return
			}
			refused := reply.AsRefusal(err)
			require.NotNil(t, refused)
			assert.Equal(t, http.StatusForbidden, refused.Status)
			assert.Equal(t, "AMOUNT_LIMIT_MAXIMUM", refused.Code)
			assert.Contains(t, refused.Msg, test.says)
			assert.Equal(t, ByAmount, refused.Limit)
		})
	}

	// Without rules there are no amounts, as of a query; Open has seen to it that none moves money.
	_, err := l.Allow(nil, nil, []byte(`{"totalAmount":99999,"currency":"IDR"}`))
	assert.NoError(t, err)
	var unlimited *Enforced
	by, err := unlimited.Admit("orderAndPay", callBy(""))
	assert.NoError(t, err)
	assert.Nil(t, by)
	_, err = unlimited.Allow(nil, pay, []byte(`{"totalAmount":99999,"currency":"EUR"}`))
	assert.NoError(t, err)
}

// Who is not known, or not named, is admitted to nothing, and a known caller to its own
// endpoints alone.
func TestAdmit(t *testing.T) {
	l := opened(t, &Limits{CallerID: "{test.caller}", Callers: map[string]Caller{"shop": {}, "office": {Endpoints: []string{"orderQuery"}}}})
	for _, test := range []struct {
		caller, endpoint, limit string
	}{
		{"shop", "orderAndPay", ""}, {"shop", "refund", ""}, {"office", "orderQuery", ""},
		{"office", "refund", ByEndpoint}, {"thief", "orderQuery", ByCaller}, {"", "orderQuery", ByCaller},
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
}

// A rate lets its burst through and no more; the caller's and everybody's count together,
// and a request that one of them refuses takes nothing of the other.
func TestRatesCountTogether(t *testing.T) {
	const slow = 1e-9
	l := opened(t, &Limits{
		Quota:    Quota{Rate: slow, Burst: 2},
		CallerID: "{test.caller}", Callers: map[string]Caller{"shop": {Quota: Quota{Rate: slow, Burst: 1}}, "office": {}},
	})
	allow := func(caller string) (Taken, error) {
		by, err := l.Admit("orderQuery", callBy(caller))
		require.NoError(t, err)
		return l.Allow(by, nil, nil)
	}
	_, err := allow("shop")
	require.NoError(t, err)
	_, err = allow("shop")
	refused := reply.AsRefusal(err)
	require.NotNil(t, refused)
	assert.Equal(t, http.StatusTooManyRequests, refused.Status)
	assert.Equal(t, ByRate, refused.Limit)

	taken, err := allow("office") // the second of all, since the refused one took nothing
	require.NoError(t, err)
	_, err = allow("office")
	assert.Error(t, err)
	taken.GiveBack()
	_, err = allow("office")
	assert.NoError(t, err)
	Taken{}.GiveBack() // of nothing
}

// Retry-After is a whole number of seconds, until there is room for one more.
func TestRetryAfter(t *testing.T) {
	for rate, seconds := range map[float64]string{100: "1", 1: "1", 0.4: "3", 0.5: "2"} {
		l := opened(t, &Limits{Quota: Quota{Rate: rate, Burst: 1}})
		_, err := l.Allow(nil, nil, nil)
		require.NoError(t, err)
		_, err = l.Allow(nil, nil, nil)
		assert.Equal(t, seconds, reply.AsRefusal(err).Header.Get("Retry-After"), rate)
	}
}

// The burst is as many as in one second, and at least one, if it is not set.
func TestDefaultBurst(t *testing.T) {
	for rate, burst := range map[float64]int{0.001: 1, 2: 2, 2.5: 3} {
		l := opened(t, &Limits{Quota: Quota{Rate: rate}})
		assert.Equal(t, burst, l.rate.Burst(), rate)
	}
}

// A limit that could not hold is an error that names what is wrong.
func TestOpenRefuses(t *testing.T) {
	for says, l := range map[string]*Limits{
		"rate: must be a positive number":                   {Quota: Quota{Rate: -1}},
		"rate: must be a positive":                          {Quota: Quota{Burst: -1}},
		"rate: must be":                                     {Quota: Quota{Rate: math.NaN()}},
		"rate: must":                                        {Quota: Quota{Rate: math.Inf(1)}},
		"burst: has no meaning without a rate":              {Quota: Quota{Burst: 1}},
		"max_amount: ":                                      {Quota: Quota{MaxAmounts: map[string]string{"RUPIAH": "1"}}},
		`max_amount IDR: "-1" is not an amount`:             {Quota: Quota{MaxAmounts: map[string]string{"IDR": "-1"}}},
		`max_amount IDR: "1e3" is not an amount`:            {Quota: Quota{MaxAmounts: map[string]string{"IDR": "1e3"}}},
		`max_amount IDR: "1/2" is not an amount`:            {Quota: Quota{MaxAmounts: map[string]string{"IDR": "1/2"}}},
		`max_amount IDR: "" is not an amount`:               {Quota: Quota{MaxAmounts: map[string]string{"IDR": ""}}},
		"caller_id and callers belong together":             {CallerID: "{test.caller}"},
		"caller_id and callers belong together: the one":    {Callers: map[string]Caller{"shop": {}}},
		"caller shop: endpoints: ":                          {CallerID: "x", Callers: map[string]Caller{"shop": {Endpoints: []string{"nothing"}}}},
		"caller shop: endpoints: capture is not enabled":    {CallerID: "x", Callers: map[string]Caller{"shop": {Endpoints: []string{"capture"}}}},
		"caller shop: rate: must be a positive number of r": {CallerID: "x", Callers: map[string]Caller{"shop": {Quota: Quota{Rate: -1}}}},
	} {
		_, err := l.Open([]Endpoint{endpointOf(t, "orderAndPay")})
		assert.ErrorContains(t, err, says)
	}

	// What stands for several endpoints may name some that are not enabled.
	_, err := (&Limits{CallerID: "x", Callers: map[string]Caller{"shop": {Endpoints: []string{"drop_in"}}}}).Open([]Endpoint{endpointOf(t, "orderAndPay")})
	assert.NoError(t, err)

	// An amount of zero refuses all that moves money. What has no rules has no amounts to limit.
	_, err = (&Limits{Quota: Quota{MaxAmounts: map[string]string{"IDR": "0"}}}).Open([]Endpoint{endpointOf(t, "orderAndPay")})
	assert.NoError(t, err)
	unknown := endpointOf(t, "orderAndPay")
	unknown.Rules = nil
	_, err = (&Limits{Quota: Quota{MaxAmounts: map[string]string{"IDR": "1"}}}).Open([]Endpoint{unknown})
	assert.ErrorContains(t, err, "cannot be enforced for orderAndPay")
	_, err = (&Limits{Quota: Quota{Rate: 1}}).Open([]Endpoint{unknown})
	assert.NoError(t, err)
	unknown.MovesMoney = false
	_, err = (&Limits{Quota: Quota{MaxAmounts: map[string]string{"IDR": "1"}}}).Open([]Endpoint{unknown})
	assert.NoError(t, err)
	none, err := (*Limits)(nil).Open(nil)
	assert.NoError(t, err)
	assert.Nil(t, none)
}
