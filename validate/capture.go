package validate

// capture14 is the data block of POST /aggregate-pay/api/gateway/capture, version 1.4, which
// collects what an order with captureMode MANUAL has authorised. The page's example also has
// a finalCapture, which is not in the table.
var capture14 = newTable(captureTable,
	requestID,
	outTradeNo,
	field{ // maxLength 3
		name: "currency", kind: text, required: true, check: currencyCode, covered: currencies,
		expects: `3 capital letters, such as "IDR"`,
	},
	field{
		name: "amount", kind: number, required: true, check: amountPositive, moves: "currency",
		disputes: []dispute{sentAs(text, captureTable+", the answer and the notification")},
		expects:  `an amount such as 19.99 or "19.99"`,
	},
)

// requestID is the merchant's own number of a capture or a cancel.
var requestID = field{
	name: "requestId", kind: text, required: true, maxLength: 64, decides: true,
	expects: "the merchant's own number of this request, a string of 1 to 64 characters",
}
