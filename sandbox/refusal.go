package sandbox

import "fmt"

// codeApplySuccess says that a request was accepted.
const codeApplySuccess = "APPLY_SUCCESS"

// The codes that the gateway refuses with, each with PayerMax's own message. Those up to UNEXPECTED_ERROR are from the
// error table at the end of the page "orderAndPay (for Drop-In)"; the others, which are missing there, are from the
// error code list of 2023. PARAMS_INVALID has several messages instead of one: isNull, wrongLength, wrongType and
// isUndefined.
const (
	codeParamsInvalid      = "PARAMS_INVALID"
	codeMerchantAppInvalid = "MERCHANT_APP_INVALID"
	codeMerchantInvalid    = "MERCHANT_INVALID"
	codeSignVerifyFailed   = "SIGN_VERIFY_FAILED"
	codeReqTimeOverTime    = "REQ_TIME_OVER_TIME"
	codeAmountInvalid      = "AMOUNT_INVALID"
	codeCurrencyInvalid    = "CURRENCY_INVALID"
	codeCountryInvalid     = "COUNTRY_INVALID"
	codeSystemError        = "SYSTEM_ERROR"
	codeTooManyRequest     = "TOO_MANY_REQUEST"
	codeRequestTimeout     = "REQUEST_TIMEOUT"
	codeUnexpectedError    = "UNEXPECTED_ERROR"

	codeOrderRepeat       = "ORDER_REPEAT"
	codeOrderNotExist     = "ORDER_NOT_EXIST"
	codeOrderClosed       = "ORDER_CLOSED"
	codePaymentProcessing = "PAYMENT_PROCESSING"
	codePaymentFailed     = "PAYMENT_FAILED"
	codeRefundFailed      = "REFUND_FAILED"
	codeRefundNoInvalid   = "REFUND_NO_INVALID"
	codeAuthFailed        = "AUTH_FAILED"
	codeAuthExpired       = "AUTH_EXPIRED"
)

// codeNotSimulated is a code of the sandbox's own.
const codeNotSimulated = "SANDBOX_NOT_SIMULATED"

var messages = map[string]string{
	codeMerchantAppInvalid: "Signature key is not configured.",
	codeMerchantInvalid:    "The merchant has been offline.",
	codeSignVerifyFailed:   "The signature verify failed.",
	codeReqTimeOverTime:    "requestTime effective in two minutes",
	codeAmountInvalid:      "Amount is incorrect.",
	codeCurrencyInvalid:    "currency is invalid,because currency is not defined.",
	codeCountryInvalid:     "No country support, pls re-pay.",
	codeSystemError:        "System is busy, please try again later.",
	codeTooManyRequest:     "Exceed request limitation, please retry later.",
	codeRequestTimeout:     "Request timeout or didn't get result, If you have finished to pay, pls wait for the result.",
	codeUnexpectedError:    "No further information for the error, plz try it later.",

	codeOrderRepeat:       "Duplicate order",
	codeOrderNotExist:     "Order number does not exist",
	codeOrderClosed:       "Order closed",
	codePaymentProcessing: "Payment processing",
	codePaymentFailed:     "Payment failed",
	codeRefundFailed:      "Refund failed",
	codeRefundNoInvalid:   "Invalid refund order number",
	codeAuthFailed:        "Authorization failed or does not exist",
	codeAuthExpired:       "Authorization expired",
}

// refusal is an answer that is not APPLY_SUCCESS.
type refusal struct{ code, msg string }

// refuse returns a refusal with the fixed message of its code. The message is empty for a code that only a fault uses.
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

// wrongType refuses a value of the wrong type or format. PayerMax's template has a space before the comma.
func wrongType(field, want, got string) *refusal {
	return &refusal{codeParamsInvalid, fmt.Sprintf("%s must be %s , but your input is %s.", field, want, got)}
}

// isUndefined refuses a value that does not name anything that exists. PayerMax uses this wording for a currency. The
// message does not repeat the value, since it may be a secret.
func isUndefined(field string) *refusal {
	return &refusal{codeParamsInvalid, fmt.Sprintf("%s is invalid,because %s is not defined.", field, field)}
}
