package validate

// orderQuery14 is the data block of POST /aggregate-pay/api/gateway/orderQuery, version 1.4,
// which asks for the state of an order.
var orderQuery14 = newTable(orderQueryTable, outTradeNo)

// outTradeNo names an existing order, so it has the form of an order number.
var outTradeNo = field{
	name: "outTradeNo", kind: text, required: true, maxLength: 64, check: orderNumber, decides: true,
	expects: "the outTradeNo of the order, 1 to 64 letters, digits and underscores",
}
