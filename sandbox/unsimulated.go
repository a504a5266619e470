package sandbox

import "fmt"

// unsimulated are PayerMax's other interfaces: those of its OpenAPI file of March 2026, and orderClose and applyToken,
// which only its Java SDK has. A call is judged like any other as far as its requestTime, and refused then, whatever its
// version: the gateway knows the interface, but nothing of what it does.
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

// orderConfirm is the one interface whose envelope is still that of version 1.0.
const orderConfirm = "orderConfirm"

// notSimulated refuses a call that PayerMax would serve. The code is none of PayerMax's, so that nobody takes it for an
// answer that PayerMax would give.
func notSimulated(name string) func(*request) (any, *refusal) {
	return func(*request) (any, *refusal) {
		return nil, &refusal{codeNotSimulated, fmt.Sprintf(
			"The envelope and the signature are right, but the sandbox does not simulate %s.", name)}
	}
}

// directMembers are the members of paymentDetail by which an order of the direct API says how it is paid.
var directMembers = []string{"paymentMethodType", "targetOrg", "cardInfo", "payAccountInfo", "applePayPaymentData", "googlePayDetails"}

// directNotSimulated refuses such an order.
var directNotSimulated = &refusal{codeNotSimulated, "The envelope and the signature are right, but the sandbox does not simulate " +
	"orders of the direct API. It knows integrate " + hostedCheckout + ", and " + directPayment +
	" with the sessionKey and the paymentToken of a Drop-In component, or with a paymentTokenID."}
