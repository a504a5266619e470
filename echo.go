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

// requiredEchoes are those of them that PayerMax's tables require in an answer,
// of the calls that change something. An answer that names some of them, but not
// all, is the answer to another kind of call about the same order: one to a query,
// say, that would pass for that to a refund.
var requiredEchoes = map[string][]string{
	"orderAndPay":        {"outTradeNo"},
	"refund":             {"outRefundNo"},
	"capture":            {"requestId", "outTradeNo"},
	"cancel":             {"requestId", "outTradeNo"},
	"createPaybylink":    {"merchantLinkId"},
	"applyPaymentToken":  {"requestId"},
	"subscriptionCreate": {"subscriptionRequestId"},
	"paymentOrderPay":    {"outTradeNo"},
	"exchange":           {"outTradeNo"},
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
	sent := slices.DeleteFunc(envelope.ReadClaims(c.body, c.route.identifying), isAside)
	for _, claim := range said.Claims {
		if contradicts(claim, sent) {
			return fmt.Errorf("the answer is for another call: its %s is not what was sent", claim.Name)
		}
	}
	if !isSuccess(said.Code) || !slices.ContainsFunc(said.Claims, isOfData) {
		return nil
	}
	for _, name := range requiredEchoes[c.route.name] {
		isNamed := func(claim envelope.Claim) bool { return claim.Name == name }
		if slices.ContainsFunc(sent, isNamed) && !slices.ContainsFunc(said.Claims, isNamed) {
			return fmt.Errorf("the answer is for another kind of call: it lacks the %s of this one", name)
		}
	}
	return nil
}

// isOfData reports whether a claim is one of those that stand in data.
func isOfData(claim envelope.Claim) bool {
	return claim.InData && !slices.Contains(envelopeEchoes, claim.Name)
}

// isAside reports whether a claim of the request is the application's own, in data,
// about what the envelope says.
func isAside(claim envelope.Claim) bool {
	return claim.InData && slices.Contains(envelopeEchoes, claim.Name)
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
