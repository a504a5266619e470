package validate

// refundQuery14 is the data block of POST /aggregate-pay/api/gateway/refundQuery, version
// 1.4, which asks for the state of a refund: "choose one of outRefundNo and refundTradeNo".
// The page does not say what happens with both, so both pass.
var refundQuery14 = newTable(refundQueryTable,
	field{
		name: "outRefundNo", kind: text, requiredWhen: without("refundTradeNo"), maxLength: 64, decides: true,
		expects: "the outRefundNo or the refundTradeNo of the refund",
	},
	field{name: "refundTradeNo", kind: text, maxLength: 64, decides: true},
)
