package sandbox

import "fmt"

// The codes that the gateway refuses with, each with PayerMax's own message (the error table that ends the page
// "orderAndPay (for Drop-In)"). PARAMS_INVALID has three messages instead of one: isNull, wrongLength and wrongType.
const (
	codeParamsInvalid      = "PARAMS_INVALID"
	codeMerchantAppInvalid = "MERCHANT_APP_INVALID"
	codeMerchantInvalid    = "MERCHANT_INVALID"
	codeSignVerifyFailed   = "SIGN_VERIFY_FAILED"
	codeReqTimeOverTime    = "REQ_TIME_OVER_TIME"
	codeAmountInvalid      = "AMOUNT_INVALID"
	codeCurrencyInvalid    = "CURRENCY_INVALID"
	codeCountryInvalid     = "COUNTRY_INVALID"
)

var messages = map[string]string{
	codeMerchantAppInvalid: "Signature key is not configured.",
	codeMerchantInvalid:    "The merchant has been offline.",
	codeSignVerifyFailed:   "The signature verify failed.",
	codeReqTimeOverTime:    "requestTime effective in two minutes",
	codeAmountInvalid:      "Amount is incorrect.",
	codeCurrencyInvalid:    "currency is invalid,because currency is not defined.",
	codeCountryInvalid:     "No country support, pls re-pay.",
}

// refusal is an answer that is not APPLY_SUCCESS.
type refusal struct{ code, msg string }

// refuse returns the refusal of a code that has one fixed message.
func refuse(code string) *refusal { return &refusal{code, messages[code]} }

// isNull refuses a required member that is missing or null.
func isNull(field string) *refusal {
	return &refusal{codeParamsInvalid, fmt.Sprintf("%s is invalid,because %s is null.", field, field)}
}

// wrongLength refuses a string that is too short or too long.
func wrongLength(field string, low, high, length int) *refusal {
	return &refusal{codeParamsInvalid, fmt.Sprintf(
		"%s length must be between %d and %d,but your input value length is %d.", field, low, high, length)}
}

// wrongType refuses a value that is not what it should be. PayerMax's template has a blank before the comma.
func wrongType(field, want, got string) *refusal {
	return &refusal{codeParamsInvalid, fmt.Sprintf("%s must be %s , but your input is %s.", field, want, got)}
}
