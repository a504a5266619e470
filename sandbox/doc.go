// Package sandbox is a PayerMax gateway in a box: a plain [http.Handler] that judges signed requests, signs its answers
// and notifies as the documented gateway does, without an account, a network or a real payment behind it.
//
// It is meant for demonstrations and for a merchant's own tests. It deliberately shares no code with the sidecar whose
// requests it judges, so that a mistake in one of them cannot hide in the other.
//
// # Payments
//
// A session of applyDropinSession is paid with orderAndPay, looked up with orderQuery, refunded with refund and
// refundQuery. In reality the browser makes the paymentToken of an order; here any text will do. How a payment ends is
// decided by its subject, as in PayerMax's own test environment, or by its paymentToken where a test cannot choose the
// subject:
//
//	subject   paymentToken      the payment
//	SUCCESS   SANDBOX_SUCCESS   succeeds at once, as do all others
//	FAILED    SANDBOX_FAILED    fails at once
//	PENDING   SANDBOX_PENDING   succeeds after Gateway.PendingDelay
//	3DS       SANDBOX_3DS       succeeds when its redirectUrl is visited (fails with ?result=FAILED), or is CLOSED when it
//	                            expires
//	          SANDBOX_EXPIRED   is refused: the token is not valid
//
// A refund of 10000 or 102 fails, one of 20000 or 202 succeeds after Gateway.PendingDelay, all others succeed at once.
//
// # Notifications
//
// Final states are posted to the request's notifyUrl (refundNotifyUrl for refunds), or else to Merchant.NotifyURL, until
// they are acknowledged or six attempts have been made. Only loopback hosts are called, unless Gateway.AllowNotify says
// otherwise.
//
// # Control
//
// Everything under /sandbox/ is for tests and for people, without authentication: serve it on a loopback address, or set
// Gateway.NoControl.
//
//	GET    /sandbox/               a live page of the calls and the notifications
//	GET    /sandbox/calls          the last 200 calls, newest first
//	GET    /sandbox/notifications  the last 200 notifications, newest first
//	GET    /sandbox/key            the public key that verifies answers and notifications, in PEM
//	GET    /sandbox/faults         the faults that are still to come
//	PUT    /sandbox/faults         adds one: {"endpoint":"orderAndPay","fault":"wrong-signature","times":3}
//	DELETE /sandbox/faults         removes them all
//	POST   /sandbox/reset          forgets sessions, orders, refunds, calls, notifications and faults
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
//	clock-skew=5m       judged by a clock that is ahead (or, negative, behind)
//	latency=2s          answered late
//	reset               never answered: the connection is reset
//	wrong-signature     answered with the signature of other bytes
//	missing-signature   answered without a signature
//	truncate            answered with half of the body
//	garbage             answered with signed bytes that are no JSON
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
