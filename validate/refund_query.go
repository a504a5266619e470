package validate

// refundQuery14 is the data block of POST /aggregate-pay/api/gateway/refundQuery,
// which asks for the state of a refund, in version 1.4: "choose one of
// outRefundNo and refundTradeNo". Nothing is said about both, so both pass.
var refundQuery14 = newTable(refundQueryTable,
	field{
		name: "outRefundNo", kind: text, requiredWhen: without("refundTradeNo"), maxLength: 64, decides: true,
		expects: "the outRefundNo or the refundTradeNo of the refund",
	},
	field{name: "refundTradeNo", kind: text, maxLength: 64, decides: true},
)
