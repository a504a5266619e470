package payermax

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/envelope"
)

// envelopeEchoes are members of the envelope that an answer may repeat. They
// stand in no table of answers but that of subscriptionQuery, which has
// data.merchantNo; where they stand, they are those of the call.
var envelopeEchoes = []string{"appId", "merchantNo", "spMerchantNo"}

// dataEchoes are the members of data that an answer repeats from its call, by
// endpoint: those by which PayerMax tells one call from another. They are from
// the tables of request and answer in PayerMax's OpenAPI file of March 2026.
//
// An answer to an endpoint that is not here names nothing of its call.
var dataEchoes = map[string][]string{
	"orderAndPay":          {"outTradeNo"},                   // required in both tables
	"orderQuery":           {"outTradeNo"},                   // optional in the answer
	"refund":               {"outRefundNo", "outTradeNo"},    // the latter in the request alone; in an answer it could only be the same
	"refundQuery":          {"outRefundNo", "refundTradeNo"}, // either of them is asked by
	"capture":              {"requestId", "outTradeNo"},
	"cancel":               {"requestId", "outTradeNo"},
	"confirmPayment":       {"outTradeNo"}, // in the request alone: the table of the answer is that of refund
	"createPaybylink":      {"merchantLinkId"},
	"queryPaybylink":       {"merchantLinkId"},
	"expirePaybylink":      {"merchantLinkId"},
	"applyPaymentToken":    {"requestId"},
	"InquireApplyRequest":  {"requestId"},
	"removePaymentToken":   {"userId", "paymentTokenID"},
	"subscriptionCreate":   {"subscriptionRequestId"},
	"subscriptionQuery":    {"subscriptionRequestId"}, // optional in the request, which may ask by subscriptionNo
	"caseSearch":           {"caseId"},
	"addOrDelRiskNameList": {"requestId"},
	"paymentOrderPay":      {"outTradeNo"},
	"paymentOrderQry":      {"outTradeNo"},
	"exchange":             {"outTradeNo"},
	"exchangeQuery":        {"outTradeNo"},
}

// identifyingNames are the names by which an answer of the endpoint can say which
// call it is for.
func identifyingNames(endpoint string) envelope.Names {
	return envelope.NewNames(slices.Concat(dataEchoes[endpoint], envelopeEchoes)...)
}

// contradiction reports a member by which the answer says that it is for another
// call than this. PayerMax's signature tells who has made an answer, and not what
// for: a good answer to somebody else's call is signed as well.
func (c *call) contradiction(said *envelope.Answer) error {
	if len(said.Claims) == 0 {
		return nil
	}
	sent := envelope.ReadClaims(c.body, c.route.identifying)
	for _, claim := range said.Claims {
		if contradicts(claim, sent) {
			return fmt.Errorf("the answer is for another call: its %s is not what was sent", claim.Name)
		}
	}
	return nil
}

// contradicts reports whether the answer's claim is none of those that the
// request makes under that name, if it makes any. PayerMax's numbers are the same
// in any case (orderAndPay: outTradeNo AAA is AAa).
func contradicts(claim envelope.Claim, sent []envelope.Claim) bool {
	asked := false
	for _, own := range sent {
		if own.Name != claim.Name || own.LookAlike {
			continue
		}
		if !claim.LookAlike && strings.EqualFold(own.Text, claim.Text) {
			return false
		}
		asked = true
	}
	return asked
}
