package sandbox

import "fmt"

// unsimulated are PayerMax's other interfaces: those of its OpenAPI file of March 2026, and orderClose and applyToken,
// which only its Java SDK has. A call is checked like any other up to its requestTime, and then refused, whatever its
// version: the gateway knows that the interface exists, but not what it does.
var unsimulated = []string{
	// Other ways to pay.
	"confirmPayment", "orderClose", orderConfirm, "applyDDC", "createPaybylink", "queryPaybylink", "expirePaybylink",

	// Tokens and subscriptions.
	"applyToken", "applyPaymentToken", "InquireApplyRequest",
	"subscriptionCreate", "subscriptionQuery", "subscriptionCancel",

	// Disputes and risk.
	"caseSearch", "caseReplay", "addOrDelRiskNameList", "putRfiMaterialList",

	// Payouts, balances and exchange.
	"paymentOrderPay", "paymentOrderQry", "paymentFieldValidation", "currentBalanceQuery", "dayEndBalanceQuery",
	"quoteQuery", "exchange", "exchangeQuery", "queryClientExchangeRate",
}

// orderConfirm is the only interface that still uses the envelope of version 1.0.
const orderConfirm = "orderConfirm"

// notSimulated refuses a call that PayerMax would serve. PayerMax does not have this code, so that nobody takes it for
// PayerMax's answer.
func notSimulated(name string) func(*request) (any, *refusal) {
	return func(*request) (any, *refusal) {
		return nil, &refusal{codeNotSimulated, fmt.Sprintf(
			"The envelope and the signature are right, but the sandbox does not simulate %s.", name)}
	}
}

// directMembers are the members of paymentDetail that say how an order of the direct API is paid.
var directMembers = []string{"paymentMethodType", "targetOrg", "cardInfo", "payAccountInfo", "applePayPaymentData", "googlePayDetails"}

// directNotSimulated refuses an order of the direct API.
var directNotSimulated = &refusal{codeNotSimulated, "The envelope and the signature are right, but the sandbox does not simulate " +
	"orders of the direct API. It knows integrate " + hostedCheckout + ", and " + directPayment +
	" with the sessionKey and the paymentToken of a Drop-In component, or with a paymentTokenID."}
