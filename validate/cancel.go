package validate

// cancel14 is the data block of POST /aggregate-pay/api/gateway/cancel, version 1.4, which
// releases what an order with captureMode MANUAL has authorised.
var cancel14 = newTable(cancelTable, requestID, outTradeNo)
