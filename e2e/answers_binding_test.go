package e2e

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// callOf returns a call of an endpoint as an application sends it.
func callOf(endpoint, body string) string {
	return strings.Replace(post(body), "applyDropinSession", endpoint, 1)
}

// repeatable are the endpoints whose calls PayerMax may receive twice without harm. All others move
// money, or change an agreement.
var repeatable = []string{
	"applyDropinSession", "orderQuery", "refundQuery", "queryPaybylink", "InquireApplyRequest", "inquirePaymentToken", "subscriptionQuery",
	"caseSearch", "paymentOrderQry", "paymentFieldValidation", "currentBalanceQuery", "dayEndBalanceQuery", "quoteQuery", "exchangeQuery",
	"queryClientExchangeRate",
}

var unrepeatable = []string{
	"orderAndPay", "refund", "capture", "cancel", "confirmPayment", "orderClose", "applyDDC", "createPaybylink", "expirePaybylink", "applyToken",
	"applyPaymentToken", "removePaymentToken", "subscriptionCreate", "subscriptionCancel", "caseReplay", "addOrDelRiskNameList",
	"putRfiMaterialList", "paymentOrderPay", "exchange",
}

// An intermediary's error does not prove that PayerMax refused the call; PayerMax may have carried
// it out. For calls that must not be repeated, only the form of PayerMax's own refusals counts as a
// refusal: a documented code with status 200.
func TestIntermediaryIsNotPayerMax(t *testing.T) {
	t.Parallel()
	var all []string
	for _, e := range protocol.Endpoints() {
		all = append(all, e.Name)
	}
	require.ElementsMatch(t, all, slices.Concat(repeatable, unrepeatable), "judge each endpoint")
	gateway := newPaymentUpstream(t)
	s, health := startWithHealth(t, "", setup{gateway: gateway.url(), options: "endpoints all\nvalidation off"})

	const canary = "canary-of-an-intermediary"
	for name, test := range map[string]struct {
		status   string
		code     string
		unknown  int // the expected status where the outcome is unknown, for unrepeatable calls; or 0
		elsewise int // the expected status for repeatable calls
	}{
		"the gateway timed out":        {"504 Gateway Timeout", "GATEWAY_TIMEOUT", 504, 504},
		"a documented code with 503":   {"503 Service Unavailable", "PARAMS_INVALID", 502, 503},
		"a documented code with 429":   {"429 Too Many Requests", "TOO_MANY_REQUEST", 502, 429},
		"a documented code with 400":   {"400 Bad Request", "PARAMS_INVALID", 502, 400},
		"a documented code with 201":   {"201 Created", "PARAMS_INVALID", 502, 502},
		"an undocumented code":         {"200 OK", "RATE_LIMITED", 502, 200},
		"a code of the other products": {"404 Not Found", "NO_ROUTE", 502, 404},
		"PayerMax's refusal":           {"200 OK", "PARAMS_INVALID", 0, 200},
		"a rare refusal of PayerMax's": {"200 OK", "DECLINED_BY_MERCHANT_BLACKLIST", 0, 200},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.answers(answerWith(message(test.status, `{"code":"`+test.code+`","msg":"`+canary+`"}`, typeJSON, "Via: 1.1 canary")))
			for _, endpoint := range unrepeatable {
				res := s.send(t, callOf(endpoint, validBody()))
				requireOwnHeader(t, res)
				if test.unknown == 0 {
					requireUnsigned(t, s, res, 200, test.code, canary)
					continue
				}
				refused := requireRefusal(t, res, test.unknown, "REQUEST_TIMEOUT")
				assert.Contains(t, refused.Msg, "the outcome is unknown", endpoint)
				assert.NotContains(t, string(res.raw), "canary", endpoint)
				assert.Contains(t, res.header.Get("Proxy-Status"), "error=http_protocol_error; received-status="+test.status[:3]+";", endpoint)
				s.requireLogged(t, res, "unknown")
			}
			for _, endpoint := range repeatable {
				requireUnsigned(t, s, s.send(t, callOf(endpoint, validBody())), test.elsewise, test.code, canary)
			}
		})
	}
	shown := get(t, health+"/metrics")
	assert.Regexp(t, `\ncaddy_payermax_requests_total\{endpoint="refund",.*outcome="unknown"\} 7\n`, shown)
	assert.Regexp(t, `\ncaddy_payermax_requests_total\{endpoint="refund",.*outcome="unsigned"\} 2\n`, shown)
	s.AwaitLine(t, `"msg":"call"`, `"level":"error"`, `"payermax.outcome":"unknown"`, `"received_status":504`, `"answer":"unsigned"`)
}

// requireUnsigned checks a refusal that PayerMax did not sign and that the sidecar rewrote.
func requireUnsigned(t *testing.T, s *sidecar, res *response, status int, code, msg string) {
	t.Helper()
	require.Equal(t, status, res.status, "%s", res.raw)
	assert.Equal(t, fmt.Sprintf(`{"code":%q,"msg":%q}`, code, msg), string(res.body))
	assert.Empty(t, res.header["Sign"])
	assert.Contains(t, res.header.Get("Proxy-Status"), `details="answer not signed"`)
	s.requireLogged(t, res, "unsigned")
}

// PayerMax signs the answers to all merchants' calls. A signed answer to another call must not be
// taken for the answer to this one.
func TestAnswersToOtherCalls(t *testing.T) {
	t.Parallel()
	gateway := newPaymentUpstream(t)
	s, health := startWithHealth(t, "", setup{gateway: gateway.url(), options: "endpoints all\nvalidation off"})

	const (
		order  = `{"data":{"outTradeNo":"P1"}}`
		refund = `{"data":{"outRefundNo":"R1","outTradeNo":"P1"}}`
	)
	withheld := 0
	for name, test := range map[string]struct {
		endpoint, call, answer string
		withheld               bool
	}{
		"the same order":               {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P1","status":"SUCCESS"}}`, false},
		"the same order in other case": {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"p1"}}`, false},
		"the same order, escaped":      {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"\u00501"}}`, false},
		"no order":                     {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":null}}`, false},
		"no data":                      {"orderQuery", order, `{"code":"ORDER_NOT_EXIST","msg":"","data":null}`, false},
		"null for what is absent": {"orderQuery", order,
			`{"code":"APPLY_SUCCESS","msg":null,"notifyType":null,"keyVersion":null,"version":null,"appId":null,"merchantNo":null,"sign":null,"data":null}`, false},
		"an empty notifyType":           {"orderQuery", order, `{"code":"APPLY_SUCCESS","notifyType":"","data":{"outTradeNo":"P1"}}`, false},
		"a notifyType of another kind":  {"orderQuery", order, `{"code":"APPLY_SUCCESS","notifyType":0,"data":{"outTradeNo":"P1"}}`, true},
		"null for the code":             {"orderQuery", order, `{"code":null,"msg":"Success.","data":{"outTradeNo":"P1"}}`, true},
		"another order":                 {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P2","status":"SUCCESS"}}`, true},
		"another order, failed":         {"orderQuery", order, `{"code":"PAYMENT_FAILED","data":{"outTradeNo":"P2"}}`, true},
		"another order beside":          {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P1","out_trade_no":"P2"}}`, true},
		"another order by another name": {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outtradeno":"P2"}}`, true},
		"another data beside":           {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P1"},"Data":{"outTradeNo":"P2"}}`, true},
		"a number of the order":         {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":1}}`, true},
		"a list of orders":              {"orderQuery", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":["P1"]}}`, true},
		"another payment":               {"orderAndPay", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P2","status":"SUCCESS"}}`, true},
		"the same refund":               {"refund", refund, `{"code":"APPLY_SUCCESS","data":{"outRefundNo":"R1"}}`, false},
		"another refund":                {"refund", refund, `{"code":"APPLY_SUCCESS","data":{"outRefundNo":"R2"}}`, true},
		"an order in a refund's place":  {"refund", refund, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P2","status":"SUCCESS"}}`, true},
		"another refund, queried":       {"refundQuery", `{"data":{"outRefundNo":"R1"}}`, `{"code":"APPLY_SUCCESS","data":{"outRefundNo":"R2","status":"REFUND_SUCCESS"}}`, true},
		"another capture":               {"capture", `{"data":{"requestId":"C1","outTradeNo":"P1"}}`, `{"code":"APPLY_SUCCESS","data":{"requestId":"C2","outTradeNo":"P1"}}`, true},
		"another payout":                {"paymentOrderPay", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P2"}}`, true},
		"another user's token":          {"removePaymentToken", `{"data":{"userId":"anna","paymentTokenID":"T"}}`, `{"code":"APPLY_SUCCESS","data":{"userId":"berta","paymentTokenID":"T"}}`, true},
		"the merchant's own":            {"orderQuery", order, `{"code":"APPLY_SUCCESS","merchantNo":"` + merchantNo + `","appId":"` + appID + `","data":{"merchantNo":"` + merchantNo + `"}}`, false},
		"another merchant's":            {"orderQuery", order, `{"code":"APPLY_SUCCESS","merchantNo":"020213827212252","data":{"outTradeNo":"P1"}}`, true},
		"another merchant's, in data":   {"subscriptionQuery", `{"data":{}}`, `{"code":"APPLY_SUCCESS","data":{"merchantNo":"020213827212252"}}`, true},
		"another application's":         {"orderQuery", order, `{"code":"APPLY_SUCCESS","appId":"another","data":{"outTradeNo":"P1"}}`, true},
		"a session of another's":        {"applyDropinSession", validBody(), `{"code":"APPLY_SUCCESS","merchantNo":"020213827212252","data":{"sessionKey":"a"}}`, true},
		"another order, closed":         {"orderClose", order, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P2"}}`, true},
		"an order, closed":              {"orderClose", order, `{"code":"APPLY_SUCCESS","data":{"status":"CLOSED"}}`, false},
		"a notification of this order": {"orderQuery", order,
			`{"code":"APPLY_SUCCESS","notifyType":"PAYMENT","appId":"` + appID + `","data":{"outTradeNo":"P1","status":"SUCCESS"}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.answers(answerWith(signed(test.answer)))
			res := s.send(t, callOf(test.endpoint, test.call))
			requireOwnHeader(t, res)
			if !test.withheld {
				assert.Equal(t, test.answer, string(res.body))
				s.requireLogged(t, res, "answered")
				return
			}
			withheld++
			requireRefusal(t, res, http.StatusBadGateway, "CHECK_SIGN_ERROR")
			s.requireLogged(t, res, "unverified")
		})
	}
	assert.Contains(t, counted(t, health), fmt.Sprintf(`caddy_payermax_answers_total{result="unverified"} %d`, withheld))
	s.AwaitLine(t, `"cause":"the answer is for another call: its outTradeNo is not what was sent"`)
	s.AwaitLine(t, `"cause":"the answer is a notification"`)
}

// A session does not say which user it belongs to. No two users may therefore get the same session,
// whether they call one after the other or at the same time.
func TestSessionsAreNotShared(t *testing.T) {
	t.Parallel()
	gateway := newPaymentUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), options: "endpoints drop_in"})
	gateway.answers(answerWith(signed(success)))
	open := func(user string) *response { return s.post(t, `{"data":`+dataOf(canaryUser+user, "w")+`}`) }

	requireSuccess(t, open("anna"))
	requireSuccess(t, open("anna"))
	requireRefusal(t, open("berta"), http.StatusBadGateway, "CHECK_SIGN_ERROR")
	requireRefusal(t, open("Anna"), http.StatusBadGateway, "CHECK_SIGN_ERROR")
	requireSuccess(t, open("anna"))
	s.AwaitLine(t, `"cause":"the same answer was given to another user before"`, `"payermax.outcome":"unverified"`)

	// A refusal is the same for all users, and so is the answer of an endpoint whose answers name
	// the call.
	gateway.answers(answerWith(signed(`{"code":"TOO_MANY_REQUEST","msg":""}`)))
	for _, user := range []string{"anna", "berta"} {
		assert.Equal(t, http.StatusOK, open(user).status)
	}
	gateway.answers(answerWith(signed(`{"code":"APPLY_SUCCESS","msg":"","data":{}}`)))
	for _, number := range []string{"P1", "P2"} {
		res := s.send(t, callOf("orderQuery", `{"data":{"outTradeNo":"`+number+`"}}`))
		assert.Equal(t, http.StatusOK, res.status, "%s", res.raw)
	}

	// A session in a withheld answer belongs to no user.
	gateway.answers(answerWith(message("200 OK", strings.Replace(success, sessionKey, "another", 1), typeJSON)))
	requireRefusal(t, open("anna"), http.StatusBadGateway, "CHECK_SIGN_ERROR")
	gateway.answers(answerWith(signed(strings.Replace(success, sessionKey, "another", 1))))
	assert.Equal(t, http.StatusOK, open("berta").status)

	gateway.answers(answerWith(signed(strings.Replace(success, sessionKey, "a third", 1))))
	var users sync.WaitGroup
	var got sync.Map
	for i := range 20 {
		users.Go(func() {
			if res := open(fmt.Sprint("crowd-", i)); res.status == http.StatusOK {
				got.Store(i, true)
			}
		})
	}
	users.Wait()
	count := 0
	got.Range(func(any, any) bool { count++; return true })
	assert.Equal(t, 1, count, "users who share a session")
}

// Users of different merchants may have the same user ID.
func TestSessionsAreNotSharedByMerchants(t *testing.T) {
	t.Parallel()
	gateway := newPaymentUpstream(t)
	s := startSidecar(t, setup{site: merchantsSite(t, gateway,
		merchantBlock("100", appID, testkeys.WritePrivate(t, testkeys.Merchant()), ""),
		merchantBlock("200", appID, testkeys.WritePrivate(t, testkeys.Merchant()), ""))})
	gateway.answers(answerWith(signed(success)))
	requireSuccess(t, s.post(t, forMerchant("100")))
	requireRefusal(t, s.post(t, forMerchant("200")), http.StatusBadGateway, "CHECK_SIGN_ERROR")
	requireSuccess(t, s.post(t, forMerchant("100")))
}

// An answer that PayerMax did not sign changes neither the clock nor the time of the last success.
func TestUnsignedAnswersMoveNothing(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s, health := startWithHealth(t, "", setup{gateway: gateway.url(), options: "follow_gateway_clock"})
	dated := func(ahead time.Duration, body string, fields ...string) reply {
		return func(conn net.Conn, r *request) bool {
			date := "Date: " + time.Now().Add(ahead).UTC().Format(http.TimeFormat)
			return answerWith(message("200 OK", body, append(fields, typeJSON, date)...))(conn, r)
		}
	}
	const refused = `{"code":"REQ_TIME_OVER_TIME","msg":""}`
	for _, forged := range []reply{
		dated(30*time.Minute, success),
		dated(30*time.Minute, refused),
		dated(30*time.Minute, success, "sign: "+sign(testkeys.Stranger(), []byte(success))),
		dated(30*time.Minute, "<html>"),
		dated(30*time.Minute, `{"code":"APPLY_SUCCESS","notifyType":"PAYMENT"}`, signField(`{"code":"APPLY_SUCCESS","notifyType":"PAYMENT"}`)),
	} {
		gateway.answers(forged)
		s.post(t, validBody())
	}
	shown := get(t, health+"/metrics")
	assert.NotContains(t, shown, "\ncaddy_payermax_clock_skew_seconds ")
	assert.NotContains(t, shown, "\ncaddy_payermax_gateway_last_success_timestamp_seconds ")
	for _, call := range gateway.received() {
		requireNow(t, readEnvelope(t, call).RequestTime)
	}

	gateway.answers(dated(30*time.Minute, refused, signField(refused)))
	s.post(t, validBody())
	shown = get(t, health+"/metrics")
	assert.Regexp(t, `\ncaddy_payermax_clock_skew_seconds 1[78]\d\d`, shown)
	assert.NotContains(t, shown, "\ncaddy_payermax_gateway_last_success_timestamp_seconds ")
}
