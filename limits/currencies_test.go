package limits_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/limits"
)

// A currency that max_amount names and no budget does, or the reverse, could never be used.
// The operator learns that when the config is loaded.
func TestCurrenciesFitTogether(t *testing.T) {
	amounts := func(currencies ...string) map[string]string {
		m := make(map[string]string)
		for _, c := range currencies {
			m[c] = "10"
		}
		return m
	}
	quota := func(ceilings map[string]string, budgets ...limits.Budget) limits.Quota {
		return limits.Quota{MaxAmounts: ceilings, Budgets: budgets}
	}
	ofCaller := func(all, own limits.Quota, endpoints ...string) limits.Limits {
		return limits.Limits{Quota: all, CallerID: "{x}", Callers: map[string]limits.Caller{"shop": {Endpoints: endpoints, Quota: own}}}
	}
	for name, test := range map[string]struct {
		limits        limits.Limits
		problem, warn string
	}{
		"the same":            {limits: limits.Limits{Quota: quota(amounts("USD", "EUR"), perDay("USD", "100"), perDay("EUR", "100"))}},
		"max_amount alone":    {limits: limits.Limits{Quota: quota(amounts("USD"))}},
		"budget alone":        {limits: within(perDay("EUR", "100"))},
		"no budget":           {limits: limits.Limits{Quota: quota(amounts("USD", "EUR"), perDay("EUR", "100"))}, problem: "max_amount USD: there are budgets, but none in USD"},
		"no max_amount":       {limits: limits.Limits{Quota: quota(amounts("EUR"), perDay("EUR", "100"), perDay("USD", "100"))}, problem: "budget USD: there is max_amount, but not in USD"},
		"none for refunds":    {limits: limits.Limits{Quota: quota(amounts("USD", "EUR"), perDay("EUR", "100", "refund"))}, warn: "max_amount allows USD"},
		"each for its own":    {limits: limits.Limits{Quota: quota(amounts("USD", "EUR"), perDay("EUR", "100", "refund"), perDay("USD", "100", "orderAndPay"))}, warn: "max_amount allows"},
		"of the caller":       {limits: ofCaller(limits.Quota{}, quota(amounts("USD"), perDay("EUR", "100"))), problem: "caller shop: max_amount USD"},
		"of all":              {limits: ofCaller(quota(nil, perDay("EUR", "100")), quota(amounts("USD"))), problem: "caller shop: max_amount USD"},
		"of all, for refunds": {limits: ofCaller(quota(nil, perDay("EUR", "100", "refund")), quota(amounts("USD")), "orderAndPay")},
		"above the caller":    {limits: ofCaller(quota(amounts("EUR")), quota(nil, perDay("USD", "100"))), problem: "caller shop: budget USD"},
		"budgets of others":   {limits: ofCaller(quota(nil, perDay("USD", "10")), quota(nil, perDay("EUR", "100"))), problem: "caller shop: budget EUR: the budgets of all callers are in USD"},
		"one of others":       {limits: ofCaller(quota(nil, perDay("USD", "10"), perDay("EUR", "10")), quota(nil, perDay("EUR", "10"), perDay("IDR", "100"))), problem: "caller shop: budget IDR: the budgets of all callers are in EUR, USD"},
		"of others, crossed":  {limits: ofCaller(quota(nil, perDay("USD", "10", "refund"), perDay("EUR", "10", "orderAndPay")), quota(nil, perDay("USD", "10", "orderAndPay"))), problem: "caller shop: budget USD: the budgets of all callers are in EUR"},
		"of others, refunds":  {limits: ofCaller(quota(nil, perDay("USD", "10", "refund")), quota(nil, perDay("EUR", "100"))), warn: "caller shop has a budget EUR"},
		"of others, not his":  {limits: ofCaller(quota(nil, perDay("USD", "10", "refund")), quota(nil, perDay("EUR", "100")), "orderAndPay")},
		"of others, apart":    {limits: ofCaller(quota(nil, perDay("USD", "10", "refund")), quota(nil, perDay("EUR", "100", "orderAndPay")))},
		"fewer than others":   {limits: ofCaller(quota(nil, perDay("USD", "10"), perDay("EUR", "10")), quota(nil, perDay("EUR", "10")))},
		"within the caller":   {limits: ofCaller(quota(amounts("USD", "EUR"), perDay("USD", "100"), perDay("EUR", "100")), quota(amounts("USD"), perDay("USD", "10")))},
	} {
		t.Run(name, func(t *testing.T) {
			core, logged := observer.New(zap.WarnLevel)
			at := place(t, "orderAndPay", "refund", "orderQuery")
			at.Logger = zap.New(core)
			opened, err := test.limits.Open(at)
			if test.problem != "" {
				require.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			t.Cleanup(opened.Close)
			if test.warn == "" {
				assert.Empty(t, logged.All())
				return
			}
			require.NotEmpty(t, logged.All())
			assert.Contains(t, logged.All()[0].Message, test.warn)
			assert.Subset(t, []any{"orderAndPay", "refund"}, logged.All()[0].ContextMap()["endpoints"])
			assert.NotEmpty(t, logged.All()[0].ContextMap()["endpoints"])
		})
	}
}
