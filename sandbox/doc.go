// Package sandbox is a PayerMax gateway in a box: a plain [http.Handler] that judges signed requests, signs its answers
// and notifies as the documented gateway does, without an account, a network or a real payment behind it.
//
// It is meant for demonstrations and for a merchant's own tests. It deliberately shares no code with the sidecar whose
// requests it judges, so that a mistake in one of them cannot hide in the other.
//
// # Payments
//
// A session of applyDropinSession is paid with orderAndPay, looked up with orderQuery, refunded with refund and
// refundQuery. How a payment ends is decided by its subject, as in PayerMax's own test environment, or by its
// paymentToken where a test cannot choose the subject:
//
//	subject   paymentToken      the payment
//	SUCCESS   SANDBOX_SUCCESS   succeeds at once, as do all others
//	FAILED    SANDBOX_FAILED    fails at once
//	PENDING   SANDBOX_PENDING   stays pending until POST /sandbox/settle, or until Gateway.PendingDelay if that is set
//	3DS       SANDBOX_3DS       succeeds or fails by a button on the page of its redirectUrl, or is CLOSED when it expires
//	          SANDBOX_EXPIRED   is refused: the token is not valid
//
// An order with integrate Hosted_Checkout goes like 3DS, on the cashier's page. From both pages the browser returns to the
// order's frontCallbackUrl, of the web or of an app, with outTradeNo, tradeToken and
// status attached, but for the popup of a component, which tells the shop's page instead.
// The same order again, as long as it is pending there, has the same redirectUrl; any
// other repetition is refused with ORDER_REPEAT. Orders of the direct API, which say
// themselves what they are paid with, are refused with SANDBOX_NOT_SIMULATED.
//
// No refund succeeds at once: one of 10000 or 102 fails, one of 20000 or 202 is pending like a payment, and all others
// succeed after Gateway.RefundDelay. That is told by a notification, and by refundQuery.
//
// # Payment tokens
//
// In reality PayerMax's component in the browser makes the paymentToken of an order. A component of the sandbox's gets one
// by posting clientKey and sessionKey to /sandbox/dropin/token: it is good for one order, in that session. Once a session
// has issued one, it takes no others. Without a component any text will do, which is a deviation.
//
//	GET  /sandbox/dropin/pmdropin.js  the component: a stand-in for PayerMax's script, with its documented interface
//	POST /sandbox/dropin/session      {"clientKey":"...","sessionKey":"..."}: what the session is for
//	POST /sandbox/dropin/token        the same, with agreementAccepted and simulate (a subject of the list above) if
//	                                  wanted: a paymentToken, in the shape of PayerMax's canMakePayment
//
// # Saved cards
//
// With tokenForFutureUse in the session and in the order, and agreementAccepted of the component, a payment that succeeds
// saves its card: orderQuery and the notification have a paymentTokenID. An order of the same user is paid with that
// instead of the tokens of a component; with merchantInitiated, by the merchant alone, so that it fails where 3DS is asked
// for. A paymentMethodType must be that of the payment that saved it. inquirePaymentToken lists the saved cards of a user,
// removePaymentToken forgets one.
//
// # Deviations
//
// PayerMax's SDKs, plugins and examples send what its pages do not have. The gateway serves that, and lists it as
// deviations of the call: a version that the interface was not documented with, a requestTime with less than three fraction
// digits, another charset than UTF-8, two members of one name, merchantAppId for appId or beside another one,
// frontCallbackURL and paymentTokenId, an order without integrate (the cashier's), a session of version 1.5 without an
// amount or of country UN, a boolean in quotes, a paymentToken that no component has issued, captureMode without that of
// the session, merchantInitiated without mitType or on the cashier's page. With Gateway.Strict all of it is refused. What
// any of the pages or guides has is none, such as either type of a session's amount. A member that may be left out is left
// out if it is "".
//
// # Authorisations
//
// With captureMode MANUAL (and authorizationType FINAL_AUTH), orderAndPay authorises instead of paying. For seven days of
// Gateway.Clock the authorised amount can be taken once with capture, whole or in part, or released with cancel. Both have
// a requestId, and the same request again has the same answer. They succeed at once, unless the paymentToken of the order
// was one of these:
//
//	SANDBOX_CAPTURE_FAILED    the capture fails
//	SANDBOX_CAPTURE_PENDING   the capture stays pending, or succeeds after Gateway.PendingDelay if that is set
//	SANDBOX_AUTH_EXPIRED      the authorisation has expired already
//
// PayerMax documents no codes for what is refused. These are the nearest of its list:
//
//	ORDER_NOT_EXIST      there is no such order
//	ORDER_REPEAT         the requestId was that of another capture or cancellation
//	AUTH_FAILED          nothing was authorised, or it was captured
//	AUTH_EXPIRED         the authorisation has expired
//	ORDER_CLOSED         the authorisation was cancelled, or the payment has expired
//	PAYMENT_PROCESSING   the payment or a capture is pending
//	PAYMENT_FAILED       the payment has failed
//	AMOUNT_INVALID       more is captured than was authorised
//	CURRENCY_INVALID     it is captured in another currency
//
// To orderQuery an order that is authorised or captured is SUCCESS, one that was cancelled or has expired is CLOSED; its
// resultCode and resultMsg tell more. Only what is captured can be refunded.
//
// # Service providers
//
// The requests of a Merchant with an SPMerchantNo must name it as spMerchantNo, and those of one with a MerchantAuthToken
// must bear it in the header merchant_auth_token. What is missing is refused with PARAMS_INVALID, what is wrong with
// MERCHANT_INVALID; the record of the call says what it was.
//
// # Other interfaces
//
// Requests to PayerMax's other interfaces are judged as far as their signature and requestTime, and refused then with
// SANDBOX_NOT_SIMULATED, a code that PayerMax does not have.
//
// # Notifications
//
// Final states are posted to the notifyUrl of the order, those of refunds to their refundNotifyUrl, or else to
// Merchant.NotifyURL, until they are acknowledged or six attempts have been made. That an authorisation expires is not
// notified, since no page tells of it. Only loopback hosts are called, unless Gateway.AllowNotify says otherwise.
//
// # Control
//
// Everything under /sandbox/ is for tests and for people, without authentication: serve it on a loopback address, or set
// Gateway.NoControl.
//
//	GET    /sandbox/               a live page of the orders, the calls and the notifications, with buttons for what follows
//	GET    /sandbox/calls          the last 200 calls, newest first
//	GET    /sandbox/notifications  the last 200 notifications, newest first
//	GET    /sandbox/key            the public key that verifies answers and notifications, in PEM
//	GET    /sandbox/faults         the faults that are still to come
//	PUT    /sandbox/faults         adds one: {"endpoint":"orderAndPay","fault":"wrong-signature","times":3}
//	DELETE /sandbox/faults         removes them all
//	POST   /sandbox/settle         ends what is pending: {"outTradeNo":"P1","status":"SUCCESS"}, or with outRefundNo
//	                               {"outRefundNo":"R1","status":"REFUND_SUCCESS"}
//	DELETE /sandbox/sessions       ends all sessions, as if their time were over
//	POST   /sandbox/reset          forgets sessions, orders, captures, refunds, calls, notifications and faults
//
// An empty endpoint means any, and times is 1 unless given. The next calls of the endpoint consume the fault, oldest
// fault first.
//
// # Faults
//
// A fault may also be asked for by the request itself, in the header Sandbox-Fault. Several are separated by commas.
//
//	throttle            refused with TOO_MANY_REQUEST
//	code=SYSTEM_ERROR   refused with any code
//	status=503          refused in plain text by what stands in front of the gateway
//	html, html=502      the same with a page in HTML, with status 200 unless given
//	clock-skew=5m       judged and dated by a clock that is ahead (or, negative, behind)
//	latency=2s          answered late
//	date-skew=5m        answered with a Date header that is ahead (or, negative, behind)
//	reset               never answered: the connection is reset
//	wrong-signature     answered with the signature of other bytes
//	missing-signature   answered without a signature
//	truncate            answered with half of the body
//	garbage             answered with signed bytes that are not JSON
//	empty               answered with an empty body
//	drop-notification                no notification is sent
//	wrong-notification-signature     the notification has the signature of other bytes
//	missing-notification-signature   the notification has no signature
//	duplicate-notification           the notification is sent once more after it was acknowledged
//	odd-notification-time            notifyTime is "2025-02-27T09:44:00 +0000", a form that PayerMax's pages show too
//
// Refused calls have no effect. From latency on, the request takes effect before the fault strikes: the client cannot
// know what became of its order, which is what it must be able to deal with.
package sandbox
