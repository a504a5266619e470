package validate

import (
	"maps"
	"slices"
	"strings"
)

// checked contains, for each check, raw values that break it, by rule, and some that pass.
var checked = map[*check]struct {
	broken  map[string][]string
	passing []string
}{
	currencyCode: {
		map[string][]string{
			rulePattern:  {`"idr"`, `"ID"`, `"IDRX"`, `"I R"`, `"@DR"`, `"[DR"`},
			ruleCurrency: {`"QQQ"`, `"XAU"`, `"HRK"`},
		},
		[]string{`"AZN"`, `"IDR"`, `"JPY"`, `"\u0049DR"`},
	},
	countryCode: {
		map[string][]string{
			rulePattern: {`"id"`, `"I"`, `"IDN"`},
			ruleCountry: {`"XX"`, `"UK"`, `"UN"`},
		},
		[]string{`"ID"`, `"TR"`},
	},
	countryOfOrder: {
		map[string][]string{
			rulePattern: {`"id"`, `"I"`, `"IDN"`, `"un"`},
			ruleCountry: {`"XX"`, `"UK"`},
		},
		[]string{`"ID"`, `"TR"`, `"UN"`},
	},
	amountOfSession: {brokenAmounts, []string{`100`, `"100"`, `100.00`, `"100.00"`, `1e2`, `0`, `"0"`}}, // 0 is allowed beside mitType
	amountOfOrder:   {brokenAmounts, []string{`100`, `"100"`, `100.00`, `"100.00"`, `1e2`, `0`, `"0"`}}, // 0 is allowed beside mitType
	amountOrZero:    {brokenAmounts, []string{`100`, `"100"`, `100.00`, `"100.00"`, `1e2`, `0`, `"0.00"`}},
	amountPositive:  {withZero(brokenAmounts), []string{`100`, `"100"`, `100.00`, `"100.00"`, `1e2`}},
	orderNumber: {
		map[string][]string{rulePattern: {`"P-1"`, `"P 1"`, `"P.1"`, `"Pé"`, `"P1\n"`, `"P1\u0000"`, `"@"`, `"["`, "\"`\"", `"{"`, `"/"`, `":"`}},
		[]string{`"azAZ09_"`, `"P1"`, `"p_1"`, `"_"`, `"20181112112606266846"`},
	},
	wholeSeconds: {
		map[string][]string{rulePattern: {`"30m"`, `"1800.0"`, `"-1"`, `"1 800"`, `"١٨٠٠"`, `"18/0"`, `"18:0"`}},
		[]string{`"0987654321"`, `"1800"`, `"86400"`, `"60"`, `"0"`, `"604800"`}, // PayerMax uses the nearest allowed value
	},
	wholeNumber: {
		map[string][]string{rulePattern: {`"twelve"`, `1.5`, `-1`, `1e1`, `"-1"`}},
		[]string{`12`, `"12"`, `0`},
	},
	webURL: {
		map[string][]string{rulePattern: {
			`"shop.example"`, `"/paid"`, `"//shop.example"`, `"https:shop.example"`, `"https://"`, `"https:///paid"`,
			`"ftp://shop.example"`, `"myapp://paid"`, `"https://shop.example/a b"`, `"https://shop.example/\n"`, `" https://shop.example"`,
		}},
		[]string{`"https://shop.example"`, `"http://192.0.2.1:8080/a?b=c#d"`, `"HTTPS://shop.example/é"`},
	},
	appURL: {
		map[string][]string{rulePattern: {
			`"shop.example"`, `"/paid"`, `"//shop.example"`, `"https://"`, `"https:///paid"`, `"http://"`, `"://paid"`,
			`"1app://paid"`, `"my/app://paid"`, `"0a://"`, `"9a://"`, `"+a://"`, `"my app://paid"`, `"my_app://paid"`, `"https://shop.example/a b"`, `"myapp://a b"`, `"javascript:alert"`,
		}},
		[]string{`"https://shop.example"`, `"http://shop.example/paid"`, `"myapp://paid"`, `"myapp://"`, `"my.app-1+x:///paid"`, `"az09+-.://"`},
	},
	ipAddress: {
		map[string][]string{rulePattern: {
			`"unknown"`, `"192.0.2.1, 198.51.100.2"`, `"192.0.2.1:443"`, `"192.0.2"`, `"192.0.2.1."`, `".192.0.2.1"`, `"192.0..1"`,
			`"1.2.3.4.5"`, `"1.2.3.1000"`, `"192.0.2.1 "`, `"[2001:db8::1]"`, `"2001:db8::1%eth0"`, `"2001:db8"`, `"localhost"`,
			`"` + strings.Repeat("1", 60) + `"`,
		}},
		[]string{`"192.0.2.1"`, `"2001:db8::1"`, `"::ffff:192.0.2.1"`, `"0000:0000:0000:0000:0000:ffff:255.255.255.255"`, `"211.52.321.225"`}, // the last is from PayerMax
	},
}

// brokenAmounts break every check of amounts that may be numbers or strings.
var brokenAmounts = map[string][]string{
	rulePattern:  {`1e309`, `"1,5"`, `"-1"`, `"1e2"`, `" 1"`, `"."`, `"Rp 100"`},
	ruleMinimum:  {`-1`, `-0.0001e4`},
	ruleDecimals: {`1.5`, `"1.5"`, `1e-1`},
}

func withZero(amounts map[string][]string) map[string][]string {
	amounts = maps.Clone(amounts)
	amounts[ruleMinimum] = append(slices.Clone(amounts[ruleMinimum]), `0`, `"0"`, `0.00`, `-0`)
	return amounts
}

// related are the rules that depend on more than one field: changes that break a rule, and
// similar changes that do not.
var related = []struct {
	endpoint, row, rule string
	broken, passing     edits
	at                  string // where it is broken, if not at the row
}{
	{"applyDropinSession 1.6", "data.totalAmount", ruleMinimum,
		edits{"/totalAmount": `"0"`, "/mitType": ""}, edits{"/totalAmount": `"0"`}, ""},
	{"applyDropinSession 1.4", "data.totalAmount", ruleMinimum,
		edits{"/totalAmount": `0`, "/mitType": `""`}, edits{"/totalAmount": `0`}, ""},
	{"applyDropinSession", "data.tokenForFutureUse", ruleType,
		edits{"/tokenForFutureUse": `"yes"`}, edits{"/tokenForFutureUse": `"true"`}, ""},

	{"refund", "data.outTradeNo", ruleRequired,
		edits{"/outTradeNo": "", "/tradeToken": ""}, edits{"/outTradeNo": ""}, ""},
	{"refund", "data.outTradeNo", ruleRequired,
		edits{"/outTradeNo": "", "/tradeToken": `""`}, edits{"/tradeToken": `""`}, ""},
	{"refundQuery", "data.outRefundNo", ruleRequired,
		edits{"/outRefundNo": "", "/refundTradeNo": ""}, edits{"/outRefundNo": ""}, ""},

	// Another name of a field must not have another value.
	{"orderAndPay", "data.frontCallbackUrl", ruleLookAlike,
		edits{"/frontCallbackURL": `"https://other.example/paid"`}, edits{"/frontCallbackURL": `"https:\/\/shop.example/paid"`}, "/frontCallbackURL"},
	{"orderAndPay", "data.paymentDetail.paymentTokenID", ruleLookAlike,
		edits{"/paymentDetail/paymentTokenId": `"PM2"`}, edits{"/paymentDetail/paymentTokenId": `"PM1"`}, "/paymentDetail/paymentTokenId"},
	{"orderAndPay", "data.paymentDetail.paymentTokenID", ruleLookAlike, // a number that contains the text's digits
		edits{"/paymentDetail/paymentTokenID": `"5"`, "/paymentDetail/paymentTokenId": `151`}, nil, "/paymentDetail/paymentTokenId"},
	{"orderAndPay", "data.frontCallbackUrl", rulePattern,
		edits{"/frontCallbackUrl": "", "/frontCallbackURL": `"shop.example"`}, edits{"/frontCallbackUrl": "null", "/frontCallbackURL": `"myapp://paid"`}, ""},
	// A second address could be notified of the payment instead.
	{"orderAndPay", "data.notifyUrl", ruleLookAlike,
		edits{"/notifyURL": `"https://other.example/paid"`}, nil, "/notifyURL"},
	{"refund", "data.refundNotifyUrl", ruleLookAlike,
		edits{"/refundNotifyURL": `"https://other.example/paid"`}, nil, "/refundNotifyURL"},

	{"orderAndPay", "data.captureMode", ruleRequired,
		edits{"/captureMode": ""}, edits{"/captureMode": "", "/authorizationType": ""}, ""},
	{"orderAndPay", "data.totalAmount", ruleMinimum,
		edits{"/totalAmount": "0", "/paymentDetail/mitType": "", "/subscriptionPlan": ""},
		edits{"/totalAmount": "0", "/paymentDetail/mitType": ""}, ""},
	{"orderAndPay", "data.totalAmount", ruleMinimum,
		edits{"/totalAmount": `"0.00"`, "/paymentDetail/merchantInitiated": "true"},
		edits{"/totalAmount": `"0.00"`, "/subscriptionPlan": ""}, ""},
	{"orderAndPay", "data.paymentDetail", ruleRequired,
		edits{"/paymentDetail": ""}, edits{"/paymentDetail": "", "/integrate": `"Hosted_Checkout"`}, ""},
	{"orderAndPay", "data.terminalType", ruleRequired,
		edits{"/terminalType": ""}, edits{"/terminalType": "", "/integrate": `"Hosted_Checkout"`}, ""},
	{"orderAndPay", "data.frontCallbackUrl", ruleRequired,
		edits{"/frontCallbackUrl": "", "/integrate": `"Hosted_Checkout"`}, edits{"/frontCallbackUrl": ""}, ""},

	// Drop-In: both tokens or none; with none, another way to pay is needed.
	{"orderAndPay", "data.paymentDetail.sessionKey", ruleRequired,
		edits{"/paymentDetail/sessionKey": ""}, edits{"/paymentDetail/sessionKey": "", "/paymentDetail/paymentToken": ""}, ""},
	{"orderAndPay", "data.paymentDetail.paymentToken", ruleRequired,
		edits{"/paymentDetail/paymentToken": ""}, edits{"/paymentDetail/sessionKey": `""`, "/paymentDetail/paymentToken": ""}, ""},
	{"orderAndPay", "data.paymentDetail.paymentToken", ruleRequired,
		edits{"/paymentDetail/paymentToken": `""`, "/paymentDetail/paymentMethodType": "", "/paymentDetail/targetOrg": "", "/paymentDetail/paymentTokenID": ""},
		edits{"/paymentDetail/paymentMethodType": `""`, "/paymentDetail/targetOrg": `""`, "/paymentDetail/paymentTokenID": ""}, ""},
	{"orderAndPay", "data.paymentDetail.sessionKey", ruleRequired,
		edits{"/paymentDetail/sessionKey": "null", "/paymentDetail/paymentMethodType": "", "/paymentDetail/targetOrg": "", "/paymentDetail/paymentTokenID": ""},
		edits{"/paymentDetail/sessionKey": "", "/paymentDetail/paymentToken": "", "/paymentDetail/paymentMethodType": "", "/paymentDetail/targetOrg": ""}, ""},
	{"orderAndPay", "data.paymentDetail.buyerInfo", ruleRequired,
		edits{"/paymentDetail/buyerInfo": ""},
		edits{"/paymentDetail/buyerInfo": "", "/paymentDetail/sessionKey": "", "/paymentDetail/paymentToken": ""}, ""},
	{"orderAndPay", "data.paymentDetail.buyerInfo.clientIp", ruleRequired,
		edits{"/paymentDetail/buyerInfo/clientIp": ""}, edits{"/paymentDetail/buyerInfo/clientIp": "", "/integrate": `"Hosted_Checkout"`}, ""},
	{"orderAndPay", "data.paymentDetail.buyerInfo.userAgent", ruleRequired,
		edits{"/paymentDetail/buyerInfo/userAgent": ""}, edits{"/paymentDetail/buyerInfo/userAgent": "", "/integrate": `"Hosted_Checkout"`}, ""},

	// Saved tokens and methods that are completed elsewhere.
	{"orderAndPay", "data.paymentDetail.paymentMethodType", ruleRequired,
		edits{"/paymentDetail/paymentMethodType": ""}, edits{"/paymentDetail/paymentMethodType": "", "/paymentDetail/targetOrg": ""}, ""},
	{"orderAndPay", "data.paymentDetail.paymentTokenID", ruleRequired,
		edits{"/paymentDetail/paymentTokenID": "", "/paymentDetail/merchantInitiated": "true", "/paymentDetail/cardInfo": ""},
		edits{"/paymentDetail/paymentTokenID": "", "/paymentDetail/merchantInitiated": "true"}, ""},

	// A plan that the merchant manages is described when it begins.
	{"orderAndPay", "data.subscriptionPlan.subject", ruleRequired, planWithout("subject"), edits{"/subscriptionPlan/subject": ""}, ""},
	{"orderAndPay", "data.subscriptionPlan.description", ruleRequired, planWithout("description"), edits{"/subscriptionPlan/description": ""}, ""},
	{"orderAndPay", "data.subscriptionPlan.totalPeriods", ruleRequired, planWithout("totalPeriods"), edits{"/subscriptionPlan/totalPeriods": ""}, ""},
	{"orderAndPay", "data.subscriptionPlan.periodRule", ruleRequired, planWithout("periodRule"), edits{"/subscriptionPlan/periodRule": ""}, ""},
	{"orderAndPay", "data.subscriptionPlan.periodAmount", ruleRequired, planWithout("periodAmount"), edits{"/subscriptionPlan/periodAmount": "null"}, ""},
	{"orderAndPay", "data.subscriptionPlan.trialPeriodConfig.trialPeriodAmount.amount", ruleRequired,
		edits{"/subscriptionPlan/trialPeriodConfig/trialPeriodAmount/amount": ""}, edits{"/subscriptionPlan/trialPeriodConfig/trialPeriodAmount": "{}"}, ""},
	{"orderAndPay", "data.subscriptionPlan.trialPeriodConfig.trialPeriodAmount.currency", ruleRequired,
		edits{"/subscriptionPlan/trialPeriodConfig/trialPeriodAmount/currency": ""}, edits{"/subscriptionPlan/trialPeriodConfig": "null"}, ""},
}

// planWithout describes a plan that the merchant manages, except for one field.
func planWithout(name string) edits {
	return edits{
		"/subscriptionPlan/subscriptionNo": "", "/subscriptionPlan/merchantSubscriptionNo": "", "/subscriptionPlan/deductNo": "",
		"/subscriptionPlan/" + name: "",
	}
}
