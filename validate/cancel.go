package validate

// cancel14 is the data block of POST /aggregate-pay/api/gateway/cancel, which
// gives up what an order with captureMode MANUAL has authorised, in version 1.4.
var cancel14 = newTable(cancelTable, requestID, outTradeNo)
