package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testparsers"
)

// disputed are members of data that different JSON parsers read differently.
var disputed = map[string]string{
	"an amount beyond a double":         `"totalAmount":90071992547409931234567890`,
	"decimals that a double lacks":      `"totalAmount":0.10000000000000001`,
	"a number of an order, as a number": `"outTradeNo":12345678901234567890`,
	"another amount, by smart match":    `"totalAmount":10,"total_amount":20`,
	"an amount by smart match alone":    `"Total-Amount":20`,
	"another currency, in another case": `"currency":"IDR","Currency":"USD"`,
	"a long s":                          `"a":{"refundAmount":1,"outTradeNo":"P1"},"u\u017ferId":"U2"`,
	"an infinite number":                `"rate":1e309`,
	"a number without an end":           `"rate":1` + strings.Repeat("0", 5000),
	"a prototype":                       `"__proto__":{"totalAmount":1}`,
	"a private property":                `"\u0000a":1`,
	"a reference":                       `"totalAmount":{"$ref":"$.x"}`,
	"a class":                           `"a":{"@type":"java.lang.AutoCloseable"}`,
	"much nesting":                      `"a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600),
	"half of a character":               `"a":"\ud800"`,
}

// If parsers disagree about a request, nothing of it is sent, whatever the setting of validation.
func TestDisputedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), options: "validation off"})
	for name, members := range disputed {
		t.Run(name, func(t *testing.T) {
			refused := requireRefusal(t, s.post(t, `{"data":{`+members+`}}`), http.StatusBadRequest, "PARAMS_INVALID")
			assert.NotContains(t, refused.Msg, "9007199")
		})
	}
	refused := requireRefusal(t, s.post(t, `{"spMerchantNo":244644327208022899.676,"data":{}}`), http.StatusBadRequest, "PARAMS_INVALID")
	assert.Contains(t, refused.Msg, "spMerchantNo must be a string")
	gateway.requireUntouched(t)
}

// An answer about which parsers disagree is withheld, although PayerMax has signed it.
func TestDisputedAnswersAreWithheld(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url()})
	members := map[string]string{
		"another status, in another case": `"status":"FAILED","Status":"SUCCESS"`,
		"a status by smart match":         `"sub_status":"SUCCESS"`,
		"another merchant":                `"merchant_no":"1"`,
	}
	for name, member := range disputed {
		members[name] = member
	}
	for name, members := range members {
		t.Run(name, func(t *testing.T) {
			gateway.answers(answerWith(signed(`{"code":"APPLY_SUCCESS","msg":"","data":{` + members + `}}`)))
			res := s.post(t, validBody())
			requireRefusal(t, res, http.StatusBadGateway, "CHECK_SIGN_ERROR")
			s.requireLogged(t, res, "unverified")
		})
	}
}

// A notification about which parsers disagree does not reach the application.
func TestDisputedNotificationsAreRefused(t *testing.T) {
	t.Parallel()
	app := startApplication(t)
	s := startSite(t, notifyBlock(t, "/payermax/callback*"), "reverse_proxy "+app.address)
	refuse := func(t *testing.T, body string) {
		requireRefusal(t, s.send(t, notifying("/payermax/callback", body)), http.StatusForbidden, "NOTIFICATION_REFUSED")
		assert.Empty(t, app.taken())
	}
	const payment = `"outTradeNo":"P1","status":"SUCCESS","totalAmount":10000`
	require.Contains(t, paid(), payment)
	for name, members := range disputed {
		t.Run(name, func(t *testing.T) { refuse(t, strings.Replace(paid(), payment, members, 1)) })
	}
	t.Run("another code", func(t *testing.T) {
		require.Contains(t, paid(), `"code":"APPLY_SUCCESS"`)
		refuse(t, strings.Replace(paid(), `"code"`, `"Code":"PAYMENT_FAILED","code"`, 1))
	})
	t.Run("another data", func(t *testing.T) {
		refuse(t, strings.Replace(paid(), `"data"`, `"Data":{"outTradeNo":"P2","status":"SUCCESS"},"data"`, 1))
	})
}

// Documents that pass, however odd, mean the same to the parsers of all languages.
func TestParsersAgreeOnOddDocuments(t *testing.T) {
	t.Parallel()
	parsers := testparsers.Open(t)
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), options: "validation off"})
	var documents [][]byte
	for _, members := range []string{
		`"totalAmount":1.50E+1`, `"totalAmount":-0`, `"totalAmount":0.1000`, `"totalAmount":"90071992547409931.00"`, `"totalAmount":99999999999999.9`,
		`"\u0063urrency":"\u0049DR"`, `"a":1,"A":2`, `"userId":"\ud83d\ude00\/\u0000"`, `"":1," ":2`, `"0":1,"00":2`, `"constructor":{"amount":1}`,
		`"rate":0.1234567890123456789012`, `"serial":9007199254740993123`, `"a":{"amount":null},"amount":1`, "\"userId\":\"\u2028\uffff\"",
	} {
		requireSuccess(t, s.post(t, " {\"data\" : {"+members+"} } "))
		received := gateway.received()
		documents = append(documents, received[len(received)-1].body)
	}
	documents = append(documents, []byte(success), []byte(paid()))
	for i, views := range parsers.Read(t, documents) {
		assert.Empty(t, testparsers.Disagreement(views, testparsers.Members()), "%s", documents[i])
	}
}
