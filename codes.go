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

// documentedCodes are the codes that PayerMax documents for its gateway. They
// decide whether an unsigned refusal of a payment is taken for PayerMax's, and
// others share one label in the metrics.
var documentedCodes = []string{
	// The error table of orderAndPay for Drop-In, and docs: appendix/collection/
	// transaction-status.
	applySuccess, requestTimeOver, signVerifyFailed,
	"TOO_MANY_REQUEST", "MERCHANT_INVALID", "MERCHANT_APP_INVALID", "PARAMS_INVALID", "SYSTEM_ERROR", "REQUEST_TIMEOUT",
	"UNEXPECTED_ERROR", "AMOUNT_INVALID", "COUNTRY_INVALID", "CURRENCY_INVALID", "CONTRACT_INVALID", "AMOUNT_LIMIT",
	"PAYMENT_FAILED", "REFUND_INSUFFICIENT_BALANCE",

	// The error page of 2023, as a community SDK (TIZ36/payermax-sdk-go) copied it.
	"PAYMENT_REJECTED", "AUTHENTICATE_FAILED", "ISSUER_PAYMENT_REJECTED", "ORDER_NOT_EXIST", "ORDER_CLOSED", "ORDER_REPEAT",
	"PAYMENT_METHOD_NOT_EXIST", "PAYMENT_METHOD_SUSPEND", "ONBOARD_ERROR", "BALANCE_INSUFFICIENT", "AMOUNT_LIMIT_MINIMUM",
	"AMOUNT_LIMIT_MAXIMUM", "OTP_VERIFY_LIMIT", "OTP_VERIFY_FAILED", "OVER_VERIFY_LIMIT", "AUTH_FAILED", "AUTH_EXPIRED",
	"BARCODE_REFRESH_LIMIT", "BARCODE_REFRESH_FAILED", "CARD_INVALID", "CARD_EXPIRE_DATE_INVALID", "CARD_HOLDER_NAME_INVALID",
	"CVV_INVALID", "UNSUPPORT_CARD", "ACCOUNT_INVALID", "PHONE_NUM_INVALID", "UPI_INVALID", "PIN_VERIFY_LIMIT", "PIN_INVALID",
	"BANKCODE_INVALID", "ID_NUM_INVALID", "EMAIL_INVALID", "DOCUMENT_INVALID", "TCK_INVALID", "DATE_INVALID",
	"PAYEE_NAME_INVALID", "REMARK_INVALID", "CNIC_INVALID", "PAYMENT_PROCESSING", "REFUND_FAILED", "REFUND_NO_INVALID",
	"ACCOUNT_BLOCKED", "PARTICIPANT_INVALID", "DECLINED_BY_MERCHANT_BLACKLIST",

	// queryClientExchangeRate.
	"MERCHANT_SIGNED_PRODUCT_ERROR", "SYSTEM_BUSY", "CONTRACT_ERROR",
}

// isDocumented reports whether PayerMax documents the code.
func isDocumented(code string) bool { return slices.Contains(documentedCodes, code) }

// knownCode returns the code if PayerMax documents it.
func knownCode(code string) string {
	if isDocumented(code) {
		return code
	}
	return other
}
