package validate

// orderQuery14 is the data block of POST /aggregate-pay/api/gateway/orderQuery,
// which asks for the state of an order, in version 1.4.
var orderQuery14 = newTable(orderQueryTable, outTradeNo)

// outTradeNo names an order that exists, so its number has the form of one.
var outTradeNo = field{
	name: "outTradeNo", kind: text, required: true, maxLength: 64, check: orderNumber, decides: true,
	expects: "the outTradeNo of the order, 1 to 64 letters, digits and underscores",
}
