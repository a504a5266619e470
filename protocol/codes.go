package protocol

import "slices"

// The codes of PayerMax's answers that the sidecar understands (docs: the error table of
// orderAndPay for Drop-In; ORDER_NOT_EXIST is from the list of 2023).
const (
	// CodeApplySuccess accepts a request. It never says that anything was paid.
	CodeApplySuccess = "APPLY_SUCCESS"
	// CodeSignVerifyFailed says that the signature does not match the merchant's public key.
	CodeSignVerifyFailed = "SIGN_VERIFY_FAILED"
	// CodeRequestTimeOver says that requestTime is further than [RequestTimeTolerance] from
	// PayerMax's clock.
	CodeRequestTimeOver = "REQ_TIME_OVER_TIME"
	// CodeMerchantAppInvalid says that there is no public key for the appId.
	CodeMerchantAppInvalid = "MERCHANT_APP_INVALID"
	// CodeMerchantInvalid says that the merchant is not served.
	CodeMerchantInvalid = "MERCHANT_INVALID"
	// CodeParamsInvalid says that a member is missing or wrong.
	CodeParamsInvalid = "PARAMS_INVALID"
	// CodeOrderNotExist says that there is no such order.
	CodeOrderNotExist = "ORDER_NOT_EXIST"
	// CodeSystemError says that PayerMax is busy.
	CodeSystemError = "SYSTEM_ERROR"
	// CodeSystemBusy says the same. It is documented for queryClientExchangeRate.
	CodeSystemBusy = "SYSTEM_BUSY"
	// CodeTooManyRequest says that PayerMax throttles requests.
	CodeTooManyRequest = "TOO_MANY_REQUEST"
	// CodeRequestTimeout says that PayerMax has no result yet.
	CodeRequestTimeout = "REQUEST_TIMEOUT"
	// CodeUnexpectedError reports an error about which PayerMax says nothing more.
	CodeUnexpectedError = "UNEXPECTED_ERROR"
)

// documentedCodes are the codes that PayerMax documents for its gateway.
var documentedCodes = []string{
	// The error table of orderAndPay for Drop-In, and docs: appendix/collection/
	// transaction-status.
	CodeApplySuccess, CodeRequestTimeOver, CodeSignVerifyFailed, CodeTooManyRequest, CodeMerchantInvalid,
	CodeMerchantAppInvalid, CodeParamsInvalid, CodeSystemError, CodeRequestTimeout, CodeUnexpectedError,
	"AMOUNT_INVALID", "COUNTRY_INVALID", "CURRENCY_INVALID", "CONTRACT_INVALID", "AMOUNT_LIMIT", "PAYMENT_FAILED",
	"REFUND_INSUFFICIENT_BALANCE",

	// The error page of 2023, as a community SDK (TIZ36/payermax-sdk-go) copied it.
	CodeOrderNotExist, "PAYMENT_REJECTED", "AUTHENTICATE_FAILED", "ISSUER_PAYMENT_REJECTED", "ORDER_CLOSED", "ORDER_REPEAT",
	"PAYMENT_METHOD_NOT_EXIST", "PAYMENT_METHOD_SUSPEND", "ONBOARD_ERROR", "BALANCE_INSUFFICIENT", "AMOUNT_LIMIT_MINIMUM",
	"AMOUNT_LIMIT_MAXIMUM", "OTP_VERIFY_LIMIT", "OTP_VERIFY_FAILED", "OVER_VERIFY_LIMIT", "AUTH_FAILED", "AUTH_EXPIRED",
	"BARCODE_REFRESH_LIMIT", "BARCODE_REFRESH_FAILED", "CARD_INVALID", "CARD_EXPIRE_DATE_INVALID", "CARD_HOLDER_NAME_INVALID",
	"CVV_INVALID", "UNSUPPORT_CARD", "ACCOUNT_INVALID", "PHONE_NUM_INVALID", "UPI_INVALID", "PIN_VERIFY_LIMIT", "PIN_INVALID",
	"BANKCODE_INVALID", "ID_NUM_INVALID", "EMAIL_INVALID", "DOCUMENT_INVALID", "TCK_INVALID", "DATE_INVALID",
	"PAYEE_NAME_INVALID", "REMARK_INVALID", "CNIC_INVALID", "PAYMENT_PROCESSING", "REFUND_FAILED", "REFUND_NO_INVALID",
	"ACCOUNT_BLOCKED", "PARTICIPANT_INVALID", "DECLINED_BY_MERCHANT_BLACKLIST",

	// queryClientExchangeRate.
	"MERCHANT_SIGNED_PRODUCT_ERROR", CodeSystemBusy, "CONTRACT_ERROR",
}

// DocumentedCodes returns the codes that PayerMax documents for its gateway.
func DocumentedCodes() []string { return slices.Clone(documentedCodes) }

// IsDocumented reports whether PayerMax documents the code.
func IsDocumented(code string) bool { return slices.Contains(documentedCodes, code) }

// openCodes are documented codes that do not say that a call has moved no money and never
// will: PayerMax is busy, has no result yet, or wants to be queried; or the buyer may try
// again within the same order, since there are separate codes for too many tries.
var openCodes = []string{
	CodeApplySuccess, CodeSystemError, CodeSystemBusy, CodeTooManyRequest, CodeRequestTimeout, CodeUnexpectedError,
	"PAYMENT_PROCESSING", "REFUND_FAILED",
	"OTP_VERIFY_FAILED", "PIN_INVALID", "BARCODE_REFRESH_FAILED",
}

// IsRefusal reports whether a code says that the call has moved no money, as far as a code
// can. The code must be from an answer that is verifiably PayerMax's. If an answer has a
// status, the status decides (see [Endpoint.Failures]). The code says nothing about an
// earlier attempt of the same order.
func IsRefusal(code string) bool { return IsDocumented(code) && !slices.Contains(openCodes, code) }

// signatureOpenCodes are documented refusals that PayerMax may give before it has accepted a
// signature, because of the envelope around data or because of the caller.
var signatureOpenCodes = []string{
	CodeSignVerifyFailed, CodeRequestTimeOver, CodeMerchantAppInvalid, CodeMerchantInvalid, CodeParamsInvalid,
}

// AcceptsSignature reports whether a code says that PayerMax has accepted the signature of
// the call: it has judged what the call asks for. The code must be from an answer of
// PayerMax.
func AcceptsSignature(code string) bool {
	return code == CodeApplySuccess || IsRefusal(code) && !slices.Contains(signatureOpenCodes, code)
}
