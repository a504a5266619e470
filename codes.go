package payermax

import "slices"

// The gateway's codes that matter here.
const (
	// applySuccess accepts a request.
	applySuccess = "APPLY_SUCCESS"
	// signVerifyFailed says that the signature does not fit the merchant's
	// public key.
	signVerifyFailed = "SIGN_VERIFY_FAILED"
	// requestTimeOver says that requestTime is more than two minutes off.
	requestTimeOver = "REQ_TIME_OVER_TIME"
)

// documentedCodes are the codes that PayerMax documents for its gateway (the
// error table of orderAndPay for Drop-In, and docs: appendix/collection/
// transaction-status). Others share one label in the metrics.
var documentedCodes = []string{
	applySuccess, requestTimeOver, "TOO_MANY_REQUEST", signVerifyFailed,
	"MERCHANT_INVALID", "MERCHANT_APP_INVALID", "PARAMS_INVALID", "SYSTEM_ERROR", "REQUEST_TIMEOUT", "UNEXPECTED_ERROR",
	"AMOUNT_INVALID", "COUNTRY_INVALID", "CURRENCY_INVALID", "CONTRACT_INVALID", "AMOUNT_LIMIT", "PAYMENT_FAILED",
	"REFUND_INSUFFICIENT_BALANCE", "ORDER_NOT_EXIST", "ORDER_CLOSED", "ORDER_REPEAT", "PAYMENT_METHOD_NOT_EXIST",
	"PAYMENT_REJECTED", "ISSUER_PAYMENT_REJECTED", "BALANCE_INSUFFICIENT", "AMOUNT_LIMIT_MINIMUM", "AMOUNT_LIMIT_MAXIMUM",
	"CARD_INVALID", "UNSUPPORT_CARD", "AUTH_FAILED", "AUTH_EXPIRED", "PAYMENT_PROCESSING", "REFUND_FAILED", "ACCOUNT_INVALID",
}

// knownCode returns the code if PayerMax documents it.
func knownCode(code string) string {
	if slices.Contains(documentedCodes, code) {
		return code
	}
	return other
}
