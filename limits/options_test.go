package limits_test

import (
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/limits"
)

// Options that make no sense are refused when they are read, each by its own name.
func TestOptions(t *testing.T) {
	quota := func(q limits.Quota) limits.Limits { return limits.Limits{Quota: q} }
	for text, want := range map[string]limits.Limits{
		"rate 0.5":       quota(limits.Quota{Rate: 0.5}),
		"rate 2 1":       quota(limits.Quota{Rate: 2, Burst: 1}),
		"replicas 1":     {Replicas: 1},
		"refuse_doubles": {RefuseDoubles: true},
		"budget USD 10 per hour {\nendpoints refund\n}\nbudget USD 0.5 per month": within(
			limits.Budget{Currency: "USD", Amount: "10", Per: "hour", Endpoints: []string{"refund"}}, limits.Budget{Currency: "USD", Amount: "0.5", Per: "month"}),
		"max_amount USD 1\nmax_amount EUR 2": quota(limits.Quota{MaxAmounts: map[string]string{"USD": "1", "EUR": "2"}}),
	} {
		l, err := readOptions(text)
		assert.NoError(t, err, text)
		assert.Equal(t, want, l, text)
	}
	for text, says := range map[string]string{
		"rate 0": "rate must be a positive number", "rate -1": "rate must be a positive number", "rate x": `but is "x"`,
		"rate NaN": "rate must be a positive number", "rate inf": "rate must be a positive number", "rate 1e999": "rate must be a positive number",
		"rate 50/s": `but is "50/s"`, "max_amount 5000 IDR": "max_amount: the currency comes first", "budget 500 USD per day": "budget: the currency comes first",
		"budget USD 15000 daily": "budget: write per day in place of daily", "budget USD 10 month": "write per month in place of month",
		"budget USD per day": "; if a value comes from {$NAME}, check that NAME is set", "max_amount IDR": "check that NAME is set",
		"rate": "rate", "rate 1 2 3": "rate", "rate 1\nrate 2": "rate is already set",
		"rate 1 0": "the burst of rate must be a positive whole number", "rate 1 -1": "burst", "rate 1 x": "burst", "rate 1 1.5": "burst",
		"replicas 0": "a positive whole number", "replicas -1": "a positive whole number", "replicas x": "a positive whole number", "replicas 1.5": "a positive whole number",
		"replicas": "replicas", "replicas 99999999999999999999": "a positive whole number",
		"budget USD 10 every day": "budget USD 10000 per day", "budget USD 10": "budget USD 10000 per day", "budget USD 10 per": "budget USD 10000 per day",
		"budget USD 10 per day EUR": "budget USD 10000 per day", "max_amount USD": "max_amount", "max_amount USD 1\nmax_amount USD 2": "max_amount USD is already set",
	} {
		_, err := readOptions(text)
		assert.ErrorContains(t, err, says, text)
	}
}

func readOptions(text string) (l limits.Limits, err error) {
	d := caddyfile.NewTestDispenser("limits {\n" + text + "\n}")
	d.Next()
	err = limits.Options.Read(d, &l)
	return l, err
}
