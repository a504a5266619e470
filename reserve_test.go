package payermax

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// judged returns the exchange of a call whose answer has this body, and an error if the
// answer is withheld. The answer is unsigned if by is nil.
func judged(t *testing.T, endpoint, answer string, by *rsa.PrivateKey, keys ...*rsa.PublicKey) (exchange, error) {
	t.Helper()
	called, ok := protocol.Lookup(endpoint)
	require.True(t, ok, endpoint)
	a := &reply.Answer{Status: http.StatusOK, Body: []byte(answer)}
	if by != nil {
		signature, err := signer.Sign(t.Context(), by, a.Body)
		require.NoError(t, err)
		a.Header().Set(protocol.SignHeader, signature)
	}
	var x exchange
	var err error
	x.Verdict, x.answer, err = verdict.NewJudge().Decide(a, verdict.Question{
		Endpoint: called, Identifying: envelope.NewNames(called.Identifying()...), Keys: keys, Budgeted: true,
		Body: []byte(`{"appId":"app","data":{"outTradeNo":"P1","outRefundNo":"R1","requestId":"C1"}}`),
	})
	return x, err
}

// A budget gets back what a call has reserved if nothing was sent, or if an answer that
// PayerMax has signed says that no money was moved. In all other cases, the money may be
// gone.
func TestSettlement(t *testing.T) {
	refused := func(code string) string { return fmt.Sprintf(`{"code":%q,"msg":"x"}`, code) }
	payermax, stranger := testkeys.Gateway(), testkeys.Stranger()
	for name, test := range map[string]struct {
		answer    string
		by        *rsa.PrivateKey
		unchecked bool
		sent      int // how often the call was sent before
		want      stores.Settlement
	}{
		"refused by PayerMax":       {refused(protocol.CodeOrderNotExist), payermax, false, 0, stores.Refunded},
		"refused for its signature": {refused(protocol.CodeSignVerifyFailed), payermax, false, 0, stores.Refunded},
		"refused, but sent before":  {refused(protocol.CodeOrderNotExist), payermax, false, 1, stores.Kept},
		"accepted":                  {`{"code":"APPLY_SUCCESS","msg":"x","data":{"outTradeNo":"P1","status":"FAILED"}}`, payermax, false, 0, stores.Kept},
		"PayerMax is busy":          {refused(protocol.CodeSystemError), payermax, false, 0, stores.Kept},
		"busy, and failed":          {`{"code":"SYSTEM_ERROR","data":{"outTradeNo":"P1","status":"FAILED"}}`, payermax, false, 0, stores.Kept},
		"a code that nobody knows":  {refused("SOMETHING_NEW"), payermax, false, 0, stores.Kept},
		"a code in small letters":   {refused("payment_failed"), payermax, false, 0, stores.Kept},
		"another try may follow":    {refused("OTP_VERIFY_FAILED"), payermax, false, 0, stores.Kept},
		"refused, not signed":       {refused(protocol.CodeOrderNotExist), nil, false, 0, stores.Kept},
		"refused, not checked":      {refused(protocol.CodeOrderNotExist), payermax, true, 0, stores.Kept},
		"refused by a stranger":     {refused(protocol.CodeOrderNotExist), stranger, false, 0, stores.Kept},
		"refused another call":      {`{"code":"PAYMENT_FAILED","outTradeNo":"P2"}`, payermax, false, 0, stores.Kept},
		"a notification":            {`{"code":"PAYMENT_FAILED","notifyType":"PAYMENT","data":{"outTradeNo":"P1","status":"FAILED"}}`, payermax, false, 0, stores.Kept},
		"before, and not signed":    {refused(protocol.CodeSignVerifyFailed), nil, false, 1, stores.Kept},
	} {
		var keys []*rsa.PublicKey
		if !test.unchecked {
			keys = append(keys, &payermax.PublicKey)
		}
		x, err := judged(t, "orderAndPay", test.answer, test.by, keys...)
		x.others = make([]*delivery.Signed, test.sent)
		assert.Equal(t, test.want, x.settlement(err), name)
	}
}

// Without an answer, the reservation is given back if nothing was sent. A withheld answer
// gives nothing back, whatever it says.
func TestSettlementOfFailures(t *testing.T) {
	refused := exchange{Verdict: verdict.Verdict{Finding: verdict.Verified, Code: protocol.CodeOrderNotExist, NothingMoved: true}}
	for name, test := range map[string]struct {
		exchange exchange
		err      error
		want     stores.Settlement
	}{
		"without an answer":                 {exchange{}, delivery.Unanswered(http.StatusBadGateway, "connection_terminated", nil), stores.Kept},
		"nothing was sent":                  {exchange{}, delivery.NotSentInTime(nil), stores.Unsent},
		"no handler sends":                  {exchange{}, nothingSends(), stores.Unsent},
		"refused by PayerMax":               {refused, nil, stores.Refunded},
		"refused by PayerMax, yet withheld": {refused, verdict.Withheld(new(reply.Answer), nil), stores.Kept},
	} {
		assert.Equal(t, test.want, test.exchange.settlement(test.err), name)
	}
}

// At PayerMax, data.status decides, not code. So a refusal gives the reservation back only
// if it has no data, or if it identifies this call and its only status is one that PayerMax
// documents as a final failure for this endpoint.
func TestSettlementByStatus(t *testing.T) {
	refund, keep := stores.Refunded, stores.Kept
	for endpoint, answers := range map[string]map[string]stores.Settlement{
		"orderAndPay": {
			``:                        refund,
			`,"data":null`:            refund,
			`,"data":{}`:              refund,
			`,"data":{ ` + "\n" + `}`: refund,

			`,"data":{"outTradeNo":"P1","status":"FAILED"}`:                                               refund,
			`,"data":{"outTradeNo":"p1","status":"CLOSED"}`:                                               refund,
			`,"data":{"outTradeNo":"P1","status":"\u0046AILED"}`:                                          refund,
			`,"merchantNo":"1","data":{"status":"FAILED","outTradeNo":"P1","paymentDetails":[{"a":"b"}]}`: refund,

			`,"data":{"status":"SUCCESS"}`:                                                                 keep,
			`,"data":{"status":"PENDING"}`:                                                                 keep,
			`,"data":{"outTradeNo":"P1","status":"SUCCESS"}`:                                               keep,
			`,"data":{"outTradeNo":"P1","status":"PENDING"}`:                                               keep,
			`,"data":{"outTradeNo":"P1","status":"REFUND_FAILED"}`:                                         keep,
			`,"data":{"outTradeNo":"P1","status":"CANCELLED"}`:                                             keep,
			`,"data":{"outTradeNo":"P1","status":"failed"}`:                                                keep,
			`,"data":{"outTradeNo":"P1","status":"FAILED "}`:                                               keep,
			`,"data":{"outTradeNo":"P1","status":""}`:                                                      keep,
			`,"data":{"outTradeNo":"P1","status":null}`:                                                    keep,
			`,"data":{"status":null}`:                                                                      keep,
			`,"data":{"outTradeNo":"P1","status":0}`:                                                       keep,
			`,"data":{"outTradeNo":"P1","status":false}`:                                                   keep,
			`,"data":{"outTradeNo":"P1","status":["FAILED"]}`:                                              keep,
			`,"data":{"outTradeNo":"P1","status":{"status":"FAILED"}}`:                                     keep,
			`,"data":{"outTradeNo":"P1"}`:                                                                  keep,
			`,"data":{"outTradeNo":"P1","order":{"status":"FAILED"}}`:                                      keep,
			`,"data":{"outTradeNo":"P1","status":"FAILED","payStatus":"SUCCESS"}`:                          keep,
			`,"data":{"outTradeNo":"P1","status":"FAILED","order_status_2":"SUCCESS"}`:                     keep,
			`,"data":{"outTradeNo":"P1","status":"FAILED","paymentDetails":[{"paymentStatus":"SUCCESS"}]}`: keep,
			`,"data":{"outTradeNo":"P1","status":"FAILED"},"status":"SUCCESS"`:                             keep,
			`,"status":"SUCCESS"`:                                                                          keep,
			`,"status":"FAILED"`:                                                                           keep,
			`,"data":null,"result":{"list":[{"tradeStatus":"SUCCESS"}]}`:                                   keep,
			`,"data":[]`:    keep,
			`,"data":""`:    keep,
			`,"data":0`:     keep,
			`,"data":true`:  keep,
			`,"data":false`: keep,
			`,"data":[{"outTradeNo":"P1","status":"FAILED"}]`:         keep,
			`,"data":"{\"outTradeNo\":\"P1\",\"status\":\"FAILED\"}"`: keep,

			// These are withheld, because parsers differ on how to read them.
			`,"data":{"outTradeNo":"P1","status":"FAILED","Status":"SUCCESS"}`: keep,
			`,"data":{"outTradeNo":"P1","status":"FAILED","status":"SUCCESS"}`: keep,
			`,"data":{"outTradeNo":"P1","sta_tus":"FAILED"}`:                   keep,
			`,"data":{"outTradeNo":"P1","status":"FAILED"},"data":null`:        keep,
			`,"Data":{"outTradeNo":"P1","status":"FAILED"}`:                    keep,

			// These are for another call, or do not identify their call.
			`,"data":{"status":"FAILED"}`:                             keep,
			`,"data":{"outTradeNo":"P2","status":"FAILED"}`:           keep,
			`,"data":{"outTradeNo":"","status":"FAILED"}`:             keep,
			`,"data":{"outTradeNo":["P1"],"status":"FAILED"}`:         keep,
			`,"data":{"order":{"outTradeNo":"P1"},"status":"FAILED"}`: keep,
			`,"outTradeNo":"P1","data":{"status":"FAILED"}`:           keep,
		},
		// A refund that fails at the bank has left PayerMax, and comes back later. FAILED
		// is the status of an order.
		"refund": {
			``: refund,
			`,"data":{"outRefundNo":"R1","status":"REFUND_PENDING"}`: keep,
			`,"data":{"outRefundNo":"R1","status":"REFUND_FAILED"}`:  keep,
			`,"data":{"outRefundNo":"R1","status":"FAILED"}`:         keep,
			`,"data":{"outTradeNo":"P1","status":"FAILED"}`:          keep,
		},
		"capture": {
			``: refund,
			`,"data":{"requestId":"C1","outTradeNo":"P1","status":"FAILED"}`:  refund,
			`,"data":{"requestId":"C1","outTradeNo":"P1","status":"PENDING"}`: keep,
			`,"data":{"requestId":"C1","outTradeNo":"P1","status":"SUCCESS"}`: keep,
			`,"data":{"requestId":"C1","outTradeNo":"P1","status":"CLOSED"}`:  keep, // the status of an order
			`,"data":{"requestId":"C2","outTradeNo":"P1","status":"FAILED"}`:  keep,
			`,"data":{"outTradeNo":"P1","status":"FAILED"}`:                   keep, // for the order, or for another capture
		},
		"paymentOrderPay": {
			``: refund,
			`,"data":{"outTradeNo":"P1","status":"FAILED"}`:     refund,
			`,"data":{"outTradeNo":"P1","status":"BOUNCEBACK"}`: keep,
			`,"data":{"outTradeNo":"P1","status":"PENDING"}`:    keep,
			`,"data":{"outTradeNo":"P1","status":"SUCCESS"}`:    keep,
		},
		"exchange": {
			``: refund,
			`,"data":{"outTradeNo":"P1","status":"FAILED"}`: refund,
			`,"data":{"outTradeNo":"P1","status":"INIT"}`:   keep,
		},
		"confirmPayment": {
			``: refund,
			`,"data":{"outTradeNo":"P1","status":"FAILED"}`: keep,
		},
		"createPaybylink": {
			``:                                 refund,
			`,"data":{"linkStatus":"EXPIRED"}`: keep,
		},
		"subscriptionCreate": {
			``: refund,
			`,"data":{"subscriptionPlan":{"subscriptionStatus":"ACTIVE_FAILED"}}`: keep,
		},
	} {
		for members, want := range answers {
			x, err := judged(t, endpoint, `{"code":"PAYMENT_FAILED","msg":"x"`+members+`}`, testkeys.Gateway(), &testkeys.Gateway().PublicKey)
			assert.Equal(t, want, x.settlement(err), endpoint+members)
		}
	}
}

// The page names each code of PayerMax with which the reservation is kept.
func TestLimitsPageCodes(t *testing.T) {
	text := section(t, markdown.Page(t, "docs/limits.md"), "### What gives money back")
	var keeping, named []string
	for _, code := range protocol.DocumentedCodes() {
		if protocol.IsRefusal(code) {
			continue
		}
		keeping = append(keeping, code)
		if slices.Contains(words(text), code) {
			named = append(named, code)
		}
	}
	assert.Equal(t, keeping, named)
}
