package verdict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// What an answer says about its call must match what was sent.
func TestContradiction(t *testing.T) {
	const request = `{"version":"1.4","appId":"app","merchantNo":"0202","data":{"outTradeNo":"P1","requestId":7}}`
	for body, names := range map[string]string{
		`{"code":"X"}`:             "",
		`{"code":"X","data":null}`: "",
		`{"code":"X","data":{"outTradeNo":"P1","requestId":"7"}}`:     "",
		`{"code":"X","data":{"outTradeNo":"p1"}}`:                     "", // PayerMax's numbers have no case
		`{"code":"X","data":{"outTradeNo":"\u00501"}}`:                "",
		`{"code":"X","data":{"outTradeNo":null,"requestId":""}}`:      "",
		`{"code":"X","appId":"app","merchantNo":"0202"}`:              "",
		`{"code":"X","spMerchantNo":"0303"}`:                          "", // none was sent
		`{"code":"X","data":{"merchantNo":"0202"}}`:                   "",
		`{"code":"X","data":{"status":"SUCCESS","out_trade":"P2"}}`:   "",
		`{"code":"X","data":{"outTradeNo":"P2"}}`:                     "outTradeNo",
		`{"code":"X","data":{"outTradeNo":"P11"}}`:                    "outTradeNo",
		`{"code":"X","data":{"outTradeNo":"P"}}`:                      "outTradeNo",
		`{"code":"X","data":{"outTradeNo":"P1 "}}`:                    "outTradeNo",
		`{"code":"X","outTradeNo":"P2"}`:                              "outTradeNo",
		`{"code":"X","data":{"outTradeNo":1}}`:                        "outTradeNo",
		`{"code":"X","data":{"outTradeNo":["P1"]}}`:                   "outTradeNo",
		`{"code":"X","data":{"outTradeNo":"P1","requestId":"8"}}`:     "requestId",
		`{"code":"X","data":{"outTradeNo":"P1"},"merchantNo":"0203"}`: "merchantNo",
		`{"code":"X","data":{"outTradeNo":"P1","appId":"another"}}`:   "appId",
		`{"code":"X","data":{"outTradeNo":"P1","merchantNo":202}}`:    "merchantNo",
		`{"code":"X","merchantAppId":"app"}`:                          "",
		`{"code":"X","merchantAppId":"another"}`:                      "merchantAppId",
		`{"code":"X","appId":"app","merchantAppId":"another"}`:        "merchantAppId",
	} {
		asked := questionOf(t, "capture", request)
		said, err := (&reply.Answer{Body: []byte(body)}).Read(asked.Identifying)
		require.NoError(t, err, body)
		err = contradiction(said, asked)
		if names == "" {
			assert.NoError(t, err, body)
			continue
		}
		assert.ErrorContains(t, err, "its "+names+" is not what was sent", body)
		assert.NotContains(t, err.Error(), "P2", body)
	}
}

// What the application itself writes in data about the merchant does not make an answer match
// this call.
func TestMerchantInDataIdentifiesNoAnswer(t *testing.T) {
	asked := questionOf(t, "orderAndPay", `{"appId":"app","merchantNo":"0202","data":{"outTradeNo":"P1","merchantNo":"999"}}`)
	said, err := (&reply.Answer{Body: []byte(`{"code":"X","merchantNo":"999"}`)}).Read(asked.Identifying)
	require.NoError(t, err)
	assert.ErrorContains(t, contradiction(said, asked), "its merchantNo is not what was sent")
}

// A success for another kind of call about the same order is not a success for this call.
func TestAnswersToOtherKindsOfCalls(t *testing.T) {
	for _, test := range []struct{ endpoint, request, answer, lacks string }{
		{"refund", `{"outRefundNo":"R1","outTradeNo":"P1"}`, `{"outTradeNo":"P1","status":"SUCCESS"}`, "outRefundNo"},
		{"refund", `{"outRefundNo":"R1","outTradeNo":"P1"}`, `{"outRefundNo":"R1","status":"REFUND_PENDING"}`, ""},
		{"refund", `{"outRefundNo":"R1","outTradeNo":"P1"}`, `{"merchantNo":"0202","status":"REFUND_PENDING"}`, ""}, // names only the merchant
		{"capture", `{"requestId":"C1","outTradeNo":"P1"}`, `{"outTradeNo":"P1","status":"SUCCESS"}`, "requestId"},
		{"cancel", `{"requestId":"C1","outTradeNo":"P1"}`, `{"outTradeNo":"P1","status":"SUCCESS"}`, "requestId"},
		{"cancel", `{"outTradeNo":"P1"}`, `{"outTradeNo":"P1","status":"SUCCESS"}`, ""}, // none was sent
		{"orderAndPay", `{"outTradeNo":"P1"}`, `{"status":"SUCCESS"}`, ""},              // names nothing at all
		{"orderQuery", `{"outTradeNo":"P1"}`, `{"outTradeNo":"P1"}`, ""},
		{"refund", `{"outRefundNo":"R1","tradeToken":"T1"}`, `{"tradeToken":"T1","status":"REFUND_PENDING"}`, ""}, // not an echo of a refund
	} {
		asked := questionOf(t, test.endpoint, `{"appId":"app","data":`+test.request+`}`)
		said, err := (&reply.Answer{Body: []byte(`{"code":"APPLY_SUCCESS","data":` + test.answer + `}`)}).Read(asked.Identifying)
		require.NoError(t, err)
		err = contradiction(said, asked)
		if test.lacks == "" {
			assert.NoError(t, err, "%s %s", test.endpoint, test.answer)
			continue
		}
		assert.ErrorContains(t, err, "lacks the "+test.lacks, "%s %s", test.endpoint, test.answer)
	}
}

// An answer must not name another object than its request does, even if PayerMax's table of
// answers lacks the member. An answer without the member names nothing.
func TestAnswersThatNameMoreThanTheirTables(t *testing.T) {
	for _, test := range []struct{ endpoint, request, answer, another string }{
		{"orderClose", `{"outTradeNo":"P1"}`, `{"outTradeNo":"P2"}`, "outTradeNo"},
		{"orderClose", `{"outTradeNo":"P1"}`, `{"outTradeNo":"p1","status":"CLOSED"}`, ""},
		{"orderClose", `{"outTradeNo":"P1"}`, `{"tradeToken":"T1"}`, ""},
		{"orderClose", `{"outTradeNo":"P1"}`, `{}`, ""},
		{"confirmPayment", `{"tradeToken":"T1"}`, `{"tradeToken":"T2"}`, "tradeToken"},
		{"confirmPayment", `{"tradeToken":"T1"}`, `{"outRefundNo":"R1","tradeOrderNo":"T2"}`, ""},
		{"refund", `{"outRefundNo":"R1","tradeToken":"T1"}`, `{"outRefundNo":"R1","tradeToken":"T2"}`, "tradeToken"},
		{"subscriptionCancel", `{"subscriptionNo":"S1"}`, `{"subscriptionNo":"S2"}`, "subscriptionNo"},
		{"subscriptionCancel", `{"subscriptionNo":"S1"}`, `{"subscriptionRequestId":"Q1","userId":"anna"}`, ""},
		{"inquirePaymentToken", `{"userId":"anna","paymentTokenID":"T1"}`, `{"paymentTokenID":"T2"}`, "paymentTokenID"},
		{"applyDDC", `{"paymentTokenID":"T1"}`, `{"ddcSessionId":"D1","payment_token_id":"T2"}`, "paymentTokenID"},
		{"caseReplay", `{"caseId":"C1","batchId":"B1"}`, `{"caseId":"C1","batchId":"B2"}`, "batchId"},
		{"putRfiMaterialList", `{"rfiNo":"R1"}`, `{"rfiNo":"R2"}`, "rfiNo"},
		{"caseSearch", `{"caseId":"C1"}`, `{"caseId":"C1","outTradeNo":"P1","tradeToken":"T1"}`, ""},
		{"orderAndPay", `{"outTradeNo":"P1","userId":"anna"}`, `{"outTradeNo":"P1","userId":"masked"}`, ""},
	} {
		asked := questionOf(t, test.endpoint, `{"appId":"app","data":`+test.request+`}`)
		said, err := (&reply.Answer{Body: []byte(`{"code":"APPLY_SUCCESS","data":` + test.answer + `}`)}).Read(asked.Identifying)
		require.NoError(t, err)
		err = contradiction(said, asked)
		if test.another == "" {
			assert.NoError(t, err, "%s %s", test.endpoint, test.answer)
			continue
		}
		assert.ErrorContains(t, err, "its "+test.another+" is not what was sent", "%s %s", test.endpoint, test.answer)
	}
}

// questionOf returns a request to an endpoint.
func questionOf(t *testing.T, name, body string) Question {
	t.Helper()
	e, ok := protocol.Lookup(name)
	require.True(t, ok, name)
	return Question{Endpoint: e, Identifying: envelope.NewNames(e.Identifying()...), Body: []byte(body)}
}
