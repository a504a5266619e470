package validate

// source is the document of PayerMax, or the client of its gateway, from which a row of a
// table or an exception to it is taken.
type source string

// openAPI is PayerMax's own description of its API:
// github.com/payermax-all/payermax-server-sdk, file api.json, commit 7f0556c9 (March 2026).
// It lists the pages of one path separately, under names such as
// orderAndPay(for-drop-dont-copy-me).
const openAPI = ", api.json of payermax-server-sdk, March 2026"

// The tables.
const (
	// https://docs.payermax.com/public/api/New%20Version/en/v1.0/aggregate-pay_api_gateway_applyDropinSession.html
	session15Page source = "applyDropinSession, English, docs.payermax.com"

	sessionTable       source = "applyDropinSession" + openAPI
	captureSession     source = "applyDropinSession(for-auth-capture-copy-me)" + openAPI
	cashierOrder       source = "orderAndPay" + openAPI
	directOrder        source = "orderAndPay/delSuffixStart1" + openAPI
	dropInOrder        source = "orderAndPay(for-drop-dont-copy-me)" + openAPI
	captureCashier     source = "orderAndPay(for-auth-capture-dont-copy-me)" + openAPI
	captureDirectOrder source = "orderAndPay(for-auth-caputre-dont-copy-me)" + openAPI
	orderQueryTable    source = "orderQuery" + openAPI
	refundTable        source = "refund" + openAPI
	refundQueryTable   source = "refundQuery" + openAPI
	captureTable       source = "capture" + openAPI
	cancelTable        source = "cancel" + openAPI
)

// The examples beside a table, and the guides, which contradict tables in places. Each is in
// testdata/official_examples.json, with the request itself.
const (
	sessionGuides  source = "docs.payermax.com, guides for Drop-In: card, Tokenization, subscription"
	dropInExample  source = "orderAndPay(for-drop-dont-copy-me)" + openAPI + ", example"
	directExamples source = "orderAndPay/delSuffixStart1" + openAPI + ", examples"
	captureGuide   source = "orderAndPay(for-auth-capture-drop-dont-copy-me)" + openAPI + ", example"
	planGuides     source = "docs.payermax.com, subscription guides, plan of the merchant"
	laterCharge    source = "payermax-all/ai, merchant-manage.md: a later charge"
	walletGuides   source = "docs.payermax.com, subscription guides for wallets, direct API"
)

// The clients. docs/clients.md says what each of them sends.
const (
	// github.com/payermax-all/payermax-server-sdk, src/main/java/com/payermax/sdk/req, version 1.0.15.
	javaClasses source = "payermax-server-sdk 1.0.15, com.payermax.sdk.req"
	// The README of github.com/shareit-payermax/payermax-server-sdk, -go and -php.
	sdkReadmes source = "README of payermax-server-sdk, -go and -php"
	// github.com/shareit-payermax/woocommerce-gateway-payermax, api/Api.php, commit 2211e964.
	wooCommerce source = "woocommerce-gateway-payermax, api/Api.php"
	// github.com/TIZ36/payermax-sdk-go, api/order_and_pay.go, commit e31a60e4.
	communityGo source = "TIZ36/payermax-sdk-go, api/order_and_pay.go"
)
