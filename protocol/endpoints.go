package protocol

// Unsigned are the calls of PayerMax's gateway that are not among the endpoints, because
// their envelope is different, that of version 1.0.
var Unsigned = []string{"orderConfirm"}

// endpoints are the calls of PayerMax's gateway. Unless the row says otherwise, their
// versions are from PayerMax's OpenAPI file of March 2026, or from the Drop-In pages where
// these are newer. The echoes are from the tables of request and answer in the same file, and
// so are the statuses, unless the row names a page.
var endpoints = []Endpoint{
	// Drop-In.
	{Name: SessionEndpoint, Version: "1.5", DropIn: true, Repeatable: true, Personal: true},
	{Name: "orderAndPay", Version: "1.5", DropIn: true, MovesMoney: true,
		Echoes:   []string{"outTradeNo"},        // required in both tables
		Failures: []string{"FAILED", "CLOSED"}}, // of SUCCESS, PENDING, FAILED and CLOSED (docs: appendix/collection/transaction-status)
	{Name: OrderQueryEndpoint, Version: "1.4", DropIn: true, Repeatable: true,
		Echoes: []string{"outTradeNo"}}, // optional in the answer
	{Name: "refund", Version: "1.4", DropIn: true, MovesMoney: true,
		Echoes: []string{"outRefundNo", "outTradeNo"}, Own: "outRefundNo"}, // outTradeNo is only in the request; in an answer it could only be the same
	// refund answers with REFUND_PENDING or REFUND_FAILED. Neither is certainly a failure:
	// when a bank cannot carry out a refund, the money has left and comes back (docs:
	// receipt/refund/refund-doc).
	{Name: "refundQuery", Version: "1.4", DropIn: true, Repeatable: true,
		Echoes: []string{"outRefundNo", "refundTradeNo"}}, // a query uses either of them
	{Name: "capture", Version: "1.4", DropIn: true, MovesMoney: true,
		Echoes: []string{"requestId", "outTradeNo"}, Own: "requestId",
		Failures: []string{"FAILED"}}, // of SUCCESS, FAILED and PENDING, in the table of its answer
	{Name: "cancel", Version: "1.4", DropIn: true,
		Echoes: []string{"requestId", "outTradeNo"}, Own: "requestId"},

	// Other ways to pay.
	{Name: "confirmPayment", Version: "1.4", MovesMoney: true,
		Echoes: []string{"outTradeNo"}}, // only in the request: the table of the answer is that of refund, so its statuses are unknown
	{Name: "orderClose", Version: "1.4"}, // version of the Java SDK, the only source that has it
	{Name: "applyDDC", Version: "1.6"},   // could be personal, but the members of its answer may all be null
	{Name: "createPaybylink", Version: "1.1", MovesMoney: true, Echoes: []string{"merchantLinkId"}}, // has a linkStatus, but no status
	{Name: "queryPaybylink", Version: "1.1", Repeatable: true, Echoes: []string{"merchantLinkId"}},
	{Name: "expirePaybylink", Version: "1.1", Echoes: []string{"merchantLinkId"}},

	// Tokens and subscriptions.
	{Name: "applyToken", Version: "1.4"}, // version of the Java SDK, the only source that has it
	{Name: "applyPaymentToken", Version: "1.4", Echoes: []string{"requestId"}},
	{Name: "InquireApplyRequest", Version: "1.4", Repeatable: true, Echoes: []string{"requestId"}}, // with a capital I
	{Name: "inquirePaymentToken", Version: "1.2", Repeatable: true},
	{Name: "removePaymentToken", Version: "1.2", Echoes: []string{"userId", "paymentTokenID"}},
	{Name: "subscriptionCreate", Version: "1.5", MovesMoney: true, Echoes: []string{"subscriptionRequestId"}}, // has a subscriptionStatus, but no status
	{Name: "subscriptionQuery", Version: "1.5", Repeatable: true,
		Echoes: []string{"subscriptionRequestId"}}, // optional in the request, which may use subscriptionNo instead
	{Name: "subscriptionCancel", Version: "1.5"},

	// Disputes and risk.
	{Name: "caseSearch", Version: "1.5", Repeatable: true, Echoes: []string{"caseId"}},
	{Name: "caseReplay", Version: "1.4"},
	{Name: "addOrDelRiskNameList", Version: "1.0", Echoes: []string{"requestId"}},
	{Name: "putRfiMaterialList", Version: "1.4"},

	// Payouts, balances and exchange.
	{Name: "paymentOrderPay", Version: "1.4", MovesMoney: true, Echoes: []string{"outTradeNo"},
		Failures: []string{"FAILED"}}, // of SUCCESS, FAILED, PENDING and BOUNCEBACK, which comes after SUCCESS (docs: appendix/disbursement/transaction-status)
	{Name: "paymentOrderQry", Version: "1.4", Repeatable: true, Echoes: []string{"outTradeNo"}},
	{Name: "paymentFieldValidation", Version: "1.4", Repeatable: true},
	{Name: "currentBalanceQuery", Version: "1.3", Repeatable: true},
	{Name: "dayEndBalanceQuery", Version: "1.3", Repeatable: true},
	{Name: "quoteQuery", Version: "1.2", Repeatable: true},
	{Name: "exchange", Version: "1.1", MovesMoney: true, Echoes: []string{"outTradeNo"},
		Failures: []string{"FAILED"}}, // of INIT, PENDING, SUCCESS and FAILED, in the table of its answer
	{Name: "exchangeQuery", Version: "1.1", Repeatable: true, Echoes: []string{"outTradeNo"}},
	{Name: "queryClientExchangeRate", Version: "1.2", Repeatable: true},
}
