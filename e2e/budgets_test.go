package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// orderOver returns an order over an amount in IDR, and its unique number.
func orderOver(amount int, fields ...string) (raw, number string) {
	raw, number = payment("orderAndPay", "budget", fields...)
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	body = strings.Replace(body, "40000", fmt.Sprint(amount), 1)
	line, _, _ := strings.Cut(head, "\r\n")
	return requestWith(line, body, fields...), number
}

// remaining returns the series of what is left of a budget in IDR.
func remaining(per string) string {
	return fmt.Sprintf("caddy_payermax_budget_remaining{app_id=%q,caller=\"\",currency=\"IDR\",endpoints=\"\",merchant_no=%q,per=%q}", appID, merchantNo, per)
}

// Calls within a budget are signed and calls beyond it are not, before and after a reload.
func TestBudget(t *testing.T) {
	t.Parallel()
	testtool.WithinOneDay(t, 2*time.Minute)
	gateway := newPaymentUpstream(t)
	s := startSidecar(t, setup{
		gateway: gateway.url(), site: "metrics /metrics", network: "handover/",
		options: "endpoints drop_in\nlimits {\nbudget IDR 130000 per month\nbudget IDR 15000 per day {\nendpoints refund\n}\n}",
	})
	over := func(amount int) *response {
		raw, _ := orderOver(amount)
		return s.send(t, raw)
	}
	requireSuccess(t, over(40000))
	requireSuccess(t, over(40000))
	for i := range 3 {
		res := over(60000)
		refused := requireRefusal(t, res, http.StatusForbidden, "BUDGET_EXCEEDED")
		assert.Contains(t, refused.Msg, "the budget of IDR 130000 per month has 50000 left")
		now := time.Now().UTC()
		assert.Contains(t, refused.Msg, time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339))
		assert.NotEmpty(t, res.header.Get("Retry-After"))
		if i == 1 {
			s.Signal(t, syscall.SIGUSR1)
			s.AwaitLine(t, reloaded)
		}
	}
	requireMetric(t, "http://"+s.addr, remaining("month"), "50000")
	requireMetric(t, "http://"+s.addr, `caddy_payermax_limit_refusals_total{limit="budget"}`, "3")
	s.AwaitLine(t, `"msg":"call"`, `"payermax.outcome":"refused"`, `"code":"BUDGET_EXCEEDED"`)

	pay(t, s, gateway, "refund")
	raw, _ := payment("refund", "more")
	assert.Contains(t, requireRefusal(t, s.send(t, raw), http.StatusForbidden, "BUDGET_EXCEEDED").Msg, "per day has 0 left")
	requireSuccess(t, over(35000))
	requireRefusal(t, over(1), http.StatusForbidden, "BUDGET_EXCEEDED")
	requireMetric(t, "http://"+s.addr, remaining("month"), "0")
	assert.Len(t, gateway.received(), 4)
}

// hasFailed answers that the order itself has failed for good.
func hasFailed(conn net.Conn, r *request) bool {
	var order struct {
		Data struct {
			OutTradeNo string `json:"outTradeNo"`
		} `json:"data"`
	}
	_ = json.Unmarshal(r.body, &order) // if that fails, the answer is to another order
	return answerWith(signed(fmt.Sprintf(`{"code":"PAYMENT_FAILED","msg":"","data":{"outTradeNo":%q,"status":"FAILED"}}`, order.Data.OutTradeNo)))(conn, r)
}

// PayerMax's own refusal gives the money back to the budget, unless its status says otherwise. So
// does an error that proves that nothing was sent. In all other cases the money stays used.
func TestBudgetIsSettled(t *testing.T) {
	t.Parallel()
	refusal := func(code string) string { return fmt.Sprintf(`{"code":%q,"msg":"x"}`, code) }
	forged := message("200 OK", refusal("PAYMENT_FAILED"), "Content-Type: application/json", "sign: "+sign(testkeys.Merchant(), []byte(refusal("PAYMENT_FAILED"))))
	for name, test := range map[string]struct {
		answer reply
		back   bool
	}{
		"a refusal":                   {answerWith(signed(refusal("PAYMENT_FAILED"))), true},
		"a request that is wrong":     {answerWith(signed(refusal("PARAMS_INVALID"))), true},
		"a refusal without a sign":    {answerWith(message("200 OK", refusal("PAYMENT_FAILED"), "Content-Type: application/json")), false},
		"a forged refusal":            {answerWith(forged), false},
		"PayerMax is busy":            {answerWith(signed(refusal("SYSTEM_ERROR"))), false},
		"PayerMax is still at it":     {answerWith(signed(refusal("PAYMENT_PROCESSING"))), false},
		"a refusal of what was paid":  {answerWith(signed(`{"code":"PAYMENT_FAILED","msg":"","data":{"status":"SUCCESS"}}`)), false},
		"a refusal of what failed":    {hasFailed, true},
		"a code that nobody knows":    {answerWith(signed(refusal("NO_SUCH_CODE"))), false},
		"pending":                     {answerWith(signed(`{"code":"APPLY_SUCCESS","msg":"","data":{"status":"PENDING"}}`)), false},
		"no answer":                   {func(conn net.Conn, _ *request) bool { reset(conn); return false }, false},
		"an error by an intermediary": {answerWith(message("502 Bad Gateway", "<html>", "Content-Type: text/html")), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testtool.WithinOneDay(t, 2*time.Minute)
			gateway := newPaymentUpstream(t)
			s := startSidecar(t, setup{gateway: gateway.url(), site: "metrics /metrics", options: "endpoints drop_in\nlimits {\nbudget IDR 1000 per month\n}"})
			gateway.answers(test.answer)
			first, _ := orderOver(1000)
			s.send(t, first)
			require.Len(t, gateway.received(), 1)
			requireMetric(t, "http://"+s.addr, remaining("month"), map[bool]string{true: "1000", false: "0"}[test.back])

			gateway.answers(ownSession)
			second, number := orderOver(1000)
			res := s.send(t, second)
			if test.back {
				requireSuccess(t, res)
				return
			}
			requireRefusal(t, res, http.StatusForbidden, "BUDGET_EXCEEDED")
			assert.Empty(t, gateway.about(number))
		})
	}
}

// While nothing can be signed or sent, the budget is not used up.
func TestBudgetOfWhatIsNotSent(t *testing.T) {
	t.Parallel()
	testtool.WithinOneDay(t, 2*time.Minute)
	gateway := newPaymentUpstream(t)
	token := testkeys.WriteFile(t, canaryBearer)
	s := startSidecar(t, setup{
		gateway: gateway.url(), site: "metrics /metrics",
		options: "sp_merchant_no SP1\nmerchant_auth_token {file." + token + "}\nendpoints drop_in\nlimits {\nbudget IDR 1000 per month\n}",
	})
	require.NoError(t, os.Rename(token, token+"-away"))
	for range 3 {
		raw, _ := orderOver(1000)
		requireRefusal(t, s.send(t, raw), http.StatusInternalServerError, "SYSTEM_ERROR")
	}
	require.NoError(t, os.Rename(token+"-away", token))
	gateway.close()
	for range 3 {
		raw, _ := orderOver(1000)
		requireRefusal(t, s.send(t, raw), http.StatusBadGateway, "SYSTEM_ERROR")
	}
	requireMetric(t, "http://"+s.addr, remaining("month"), "1000")
	gateway.requireUntouched(t)
}

// paidFor returns the amount of an order that has arrived.
func paidFor(t *testing.T, r *request) int64 {
	var order struct {
		Data struct {
			TotalAmount int64 `json:"totalAmount"`
		} `json:"data"`
	}
	assert.NoError(t, json.Unmarshal(r.body, &order))
	return order.Data.TotalAmount
}

// However many orders are made at once, and whatever their outcome, a budget is used up by exactly
// the orders that the gateway received, and never exceeded.
func TestBudgetUnderLoad(t *testing.T) {
	t.Parallel()
	testtool.WithinOneDay(t, 2*time.Minute)
	const budget = 200_000
	gateway := newPaymentUpstream(t)
	var moved, count atomic.Int64
	gateway.answers(func(conn net.Conn, r *request) bool {
		switch count.Add(1) % 4 {
		case 0:
			return answerWith(signed(`{"code":"PAYMENT_FAILED","msg":""}`))(conn, r)
		case 1:
			moved.Add(paidFor(t, r))
			reset(conn)
			return false
		default:
			moved.Add(paidFor(t, r))
			return ownSession(conn, r)
		}
	})
	s := startSidecar(t, setup{
		gateway: gateway.url(), site: "metrics /metrics",
		options: "endpoints drop_in\nlimits {\nbudget IDR 200000 per month\n}",
	})
	var refused atomic.Int64
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 40 {
				raw, _ := orderOver(997 + 13*caller + i)
				if res := s.send(t, raw); res.status == http.StatusForbidden {
					refused.Add(1)
				}
			}
		})
	}
	callers.Wait()
	assert.Positive(t, refused.Load())
	assert.LessOrEqual(t, moved.Load(), int64(budget))
	assert.Greater(t, moved.Load(), int64(budget-2000), "no more was refused than had to be")
	requireMetric(t, "http://"+s.addr, remaining("month"), fmt.Sprint(budget-moved.Load()))
	raw, _ := orderOver(int(budget - moved.Load() + 1))
	requireRefusal(t, s.send(t, raw), http.StatusForbidden, "BUDGET_EXCEEDED")
}

// Of two concurrent calls with the same number, the second is refused before it is signed. Once the
// first has been answered, the decision is PayerMax's.
func TestDoublesAreRefused(t *testing.T) {
	t.Parallel()
	gateway := newPaymentUpstream(t)
	arrived, answer := make(chan struct{}), make(chan struct{})
	gateway.answers(func(conn net.Conn, r *request) bool {
		arrived <- struct{}{}
		<-answer
		return ownSession(conn, r)
	})
	s := startSidecar(t, setup{gateway: gateway.url(), options: "endpoints drop_in\nlimits {\nrefuse_doubles\n}", site: "metrics /metrics"})
	raw, number := payment("orderAndPay", "double")
	var first sync.WaitGroup
	first.Go(func() { requireSuccess(t, s.send(t, raw)) })
	<-arrived
	for range 3 {
		requireRefusal(t, s.send(t, strings.Replace(raw, "double", "DOUBLE", 1)), http.StatusConflict, "CALL_UNDER_WAY")
	}
	assert.Len(t, gateway.received(), 1)
	requireMetric(t, "http://"+s.addr, `caddy_payermax_limit_refusals_total{limit="double"}`, "3")

	another, _ := payment("orderAndPay", "double")
	first.Go(func() { requireSuccess(t, s.send(t, another)) })
	<-arrived
	close(answer)
	first.Wait()
	gateway.answers(ownSession)
	requireSuccess(t, s.send(t, raw))
	assert.Len(t, gateway.about(number), 2)
}

func TestValidateRefusesBudgets(t *testing.T) {
	t.Parallel()
	key := testkeys.WritePrivate(t, testkeys.Merchant())
	for name, test := range map[string]struct {
		limits string
		says   []string
	}{
		"without its window":         {"budget USD 10", []string{"budget USD 10000 per day"}},
		"in other words":             {"budget USD 10 each day", []string{"budget USD 10000 per day"}},
		"of another window":          {"budget USD 10 per week", []string{"budget USD", "per hour, per day or per month", "week"}},
		"of no currency":             {"budget DOLLAR 10 per day", []string{"ISO 4217"}},
		"finer than the currency":    {"budget IDR 10.5 per day", []string{"IDR has 0 decimals"}},
		"of an endpoint that is off": {"budget USD 10 per day {\nendpoints refund\n}", []string{"refund is not enabled"}},
		"twice":                      {"budget USD 10 per day\nbudget USD 20 per day", []string{"already set"}},
		"replicas of no store":       {"rate 5\nreplicas 3", []string{"replicas has no meaning without a shared store"}},
		"away from no store":         {"rate 5\nwithout_store alone", []string{"without_store has no meaning without a shared store"}},
		"no replicas":                {"rate 5\nreplicas 0", []string{"replicas must be a positive whole number"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, valid := validateConfig(t, "payermax {\ngateway uat\napp_id A\nendpoints orderAndPay\nprivate_key "+key+"\nlimits {\n"+test.limits+"\n}\n}")
			require.False(t, valid, out)
			for _, words := range test.says {
				require.Contains(t, out, words)
			}
		})
	}
	out, valid := validateConfig(t, "payermax {\ngateway uat\napp_id A\nprivate_key "+key+"\nlimits {\nbudget USD 10 per day\n}\n}")
	require.False(t, valid, out)
	require.Contains(t, out, "no enabled endpoint moves money")
}
