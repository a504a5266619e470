package validate

// refund14 is the data block of POST /aggregate-pay/api/gateway/refund, version 1.4, which
// refunds an order. "outTradeNo and tradeToken must not both be absent"; the page's own
// example sends both.
var refund14 = newTable(refundTable,
	field{name: "outRefundNo", kind: text, required: true, maxLength: 64, decides: true},
	field{
		name: "refundAmount", kind: number, required: true, check: amountPositive, moves: "refundCurrency",
		disputes: []dispute{sentAs(text, sdkReadmes+", by which amounts are strings")},
		expects:  `an amount such as 19.99 or "19.99"`,
	},
	field{ // maxLength 3; "the currency of the order"
		name: "refundCurrency", kind: text, required: true, check: currencyCode, covered: currencies,
		expects: `3 capital letters, such as "IDR"`,
	},
	field{
		name: "outTradeNo", kind: text, requiredWhen: without("tradeToken"), maxLength: 64, check: orderNumber, decides: true,
		expects: "the outTradeNo or the tradeToken of the order",
	},
	field{name: "tradeToken", kind: text, maxLength: 64, decides: true},
	field{name: "comments", kind: text, maxLength: 512},
	field{ // format: uri
		name: "refundNotifyUrl", kind: text, maxLength: 256, check: webURL, decides: true,
		expects: `an absolute URL, such as "https://shop.example/payermax/callback", at most 256 characters`,
	},
)
