package limits_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// endpoint returns an endpoint with its rules.
func endpoint(t *testing.T, name string) limits.Endpoint {
	t.Helper()
	known, ok := protocol.Lookup(name)
	require.True(t, ok, name)
	rules, _ := validate.Lookup(name, known.Version)
	return limits.Endpoint{Endpoint: known, Rules: rules}
}

// lastPlace makes the merchants of the tests distinct.
var lastPlace atomic.Int64

// place returns a handler that signs for a merchant that no other test uses, nor another run
// of the same test in this process.
func place(t *testing.T, names ...string) limits.Place {
	t.Helper()
	at := limits.Place{
		Merchants: []limits.Merchant{{AppID: fmt.Sprint(t.Name(), lastPlace.Add(1)), MerchantNo: "1"}},
		Store:     stores.NewMemory(), Longest: time.Second, Logger: zap.NewNop(),
	}
	for _, name := range names {
		at.Enabled = append(at.Enabled, endpoint(t, name))
	}
	return at
}

// open opens limits until the end of the test.
func open(t *testing.T, l limits.Limits, at limits.Place) *limits.Enforced {
	t.Helper()
	opened, err := l.Open(at)
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	return opened
}

// perDay returns a budget per day.
func perDay(currency, amount string, endpoints ...string) limits.Budget {
	return limits.Budget{Currency: currency, Amount: amount, Per: "day", Endpoints: endpoints}
}

// within returns limits that are budgets only.
func within(budgets ...limits.Budget) limits.Limits {
	return limits.Limits{Quota: limits.Quota{Budgets: budgets}}
}

// callOf returns a call with this data.
func callOf(t *testing.T, at limits.Place, name, data string) limits.Call {
	t.Helper()
	return limits.Call{
		Endpoint: endpoint(t, name), Merchant: at.Merchants[0],
		Body: []byte(`{"data":` + data + `}`), Data: []byte(data),
	}
}

// order returns a call of orderAndPay.
func order(t *testing.T, at limits.Place, amount, currency string) limits.Call {
	t.Helper()
	return callOf(t, at, "orderAndPay", `{"outTradeNo":"P1","totalAmount":`+amount+`,"currency":"`+currency+`"}`)
}

// requireRefused checks that this limit has refused the call.
func requireRefused(t *testing.T, err error, limit string) *reply.Refusal {
	t.Helper()
	refused, ok := errors.AsType[*reply.Refusal](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, limit, refused.Limit, refused.Msg)
	return refused
}

// admitted returns the allowance of a caller whose ID is the value of {x}.
func admitted(t *testing.T, l *limits.Enforced, caller string) *limits.Allowance {
	t.Helper()
	repl := caddy.NewEmptyReplacer()
	repl.Set("x", caller)
	allowance, err := l.Admit("orderAndPay", repl)
	require.NoError(t, err)
	return allowance
}
