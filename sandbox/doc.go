// Package sandbox simulates the PayerMax gateway: an [http.Handler] that checks signed requests, signs its answers and
// sends notifications like the documented gateway, without an account, a network or real payments.
//
// It is meant for demonstrations and for a merchant's own tests. It deliberately shares no code with the sidecar whose
// requests it checks, so that a mistake in one of them cannot hide in the other.
//
// # Payments
//
// applyDropinSession opens a session, orderAndPay pays an order in it, orderQuery looks the order up, and refund and
// refundQuery refund it. The order's subject decides how the payment ends, as in PayerMax's own test environment, or
// its paymentToken where a test cannot choose the subject:
//
//	subject   paymentToken      the payment
//	SUCCESS   SANDBOX_SUCCESS   succeeds at once, like any other value
//	FAILED    SANDBOX_FAILED    fails at once
//	PENDING   SANDBOX_PENDING   stays pending until POST /sandbox/settle, or for Gateway.PendingDelay if that is set
//	3DS       SANDBOX_3DS       succeeds or fails with a button on the page at its redirectUrl, or is CLOSED when it expires
//	          SANDBOX_EXPIRED   is refused: the token is not valid
//
// An order with integrate Hosted_Checkout proceeds like 3DS, on the cashier's page. From both pages the browser returns
// to the order's frontCallbackUrl, which may be a website or an app, with outTradeNo, tradeToken and status in the
// query; a component's popup notifies the shop's page instead. Repeating an order that is pending on such a page
// returns the same redirectUrl; any other repetition is refused with ORDER_REPEAT. Orders of the direct API, which
// contain the payment details themselves, are refused with SANDBOX_NOT_SIMULATED.
//
// No refund succeeds at once: an amount of 10000 or 102 fails, one of 20000 or 202 stays pending like a payment, and
// all others succeed after Gateway.RefundDelay. A notification and refundQuery report the outcome.
//
// # Payment tokens
//
// With PayerMax, the component in the browser creates the paymentToken of an order. The sandbox's component gets one by
// posting clientKey and sessionKey to /sandbox/dropin/token; it can pay one order, in that session. Once a token has
// been issued in a session, the session accepts no other texts. Without a component, any text is accepted as a
// deviation.
//
//	GET  /sandbox/dropin/pmdropin.js  the component: a stand-in for PayerMax's script, with its documented interface
//	POST /sandbox/dropin/session      {"clientKey":"...","sessionKey":"..."}: what the session is for
//	POST /sandbox/dropin/token        the same, with agreementAccepted and simulate (a subject of the list above) if
//	                                  wanted: a paymentToken, in the shape of PayerMax's canMakePayment
//
// # Saved cards
//
// With tokenForFutureUse in the session and in the order, and agreementAccepted from the component, a successful
// payment saves its card: orderQuery and the notification have a paymentTokenID. Another order of the same user can use
// that instead of a component's tokens. With merchantInitiated, the buyer takes no part, so the payment fails where 3DS
// is required. If the order has a paymentMethodType, it must be that of the payment that saved the card.
// inquirePaymentToken lists a user's saved cards, removePaymentToken removes one.
//
// # Deviations
//
// PayerMax's SDKs, plugins and examples send things that its pages do not document. The gateway accepts them, and lists
// them as deviations of the call: a version that the interface was not documented with, a requestTime with fewer than
// three fraction digits, a charset other than UTF-8, two members with the same name, merchantAppId instead of appId or
// different from it, frontCallbackURL and paymentTokenId, an order without integrate (treated as a cashier order), a
// session of version 1.5 without an amount or with country UN, a boolean in quotes, a paymentToken that no component
// has issued, captureMode in an order but not in its session, merchantInitiated without mitType or on the cashier's
// page. Gateway.Strict refuses all of them. Whatever any page or guide documents is not a deviation, such as either
// type of a session's amount. An optional member with the value "" counts as absent.
//
// # Authorisations
//
// With captureMode MANUAL (and authorizationType FINAL_AUTH), orderAndPay authorises instead of paying. For seven days
// by Gateway.Clock, the authorised amount can be captured once, whole or in part, or released with cancel. Both
// requests have a requestId, and repeating the same request returns the same answer. They succeed at once, unless the
// paymentToken of the order was one of these:
//
//	SANDBOX_CAPTURE_FAILED    the capture fails
//	SANDBOX_CAPTURE_PENDING   the capture stays pending, or succeeds after Gateway.PendingDelay if that is set
//	SANDBOX_AUTH_EXPIRED      the authorisation expires at once
//
// PayerMax documents no codes for refused captures and cancellations. These are the closest ones in its list:
//
//	ORDER_NOT_EXIST      there is no such order
//	ORDER_REPEAT         the requestId belongs to another capture or cancellation
//	AUTH_FAILED          nothing was authorised, or it has been captured already
//	AUTH_EXPIRED         the authorisation has expired
//	ORDER_CLOSED         the authorisation was cancelled, or the payment has expired
//	PAYMENT_PROCESSING   the payment or a capture is pending
//	PAYMENT_FAILED       the payment has failed
//	AMOUNT_INVALID       more is captured than was authorised
//	CURRENCY_INVALID     the capture is in another currency
//
// In orderQuery, an authorised or captured order is SUCCESS, and a cancelled or expired one is CLOSED; resultCode and
// resultMsg say more. Only the captured amount can be refunded.
//
// # Service providers
//
// The requests of a Merchant with an SPMerchantNo must send it as spMerchantNo, and those of a Merchant with a
// MerchantAuthToken must send that in the header merchant_auth_token. A missing value is refused with PARAMS_INVALID, a
// wrong one with MERCHANT_INVALID; the record of the call says which it was.
//
// # Other interfaces
//
// Requests to PayerMax's other interfaces are checked up to their signature and requestTime, and then refused with
// SANDBOX_NOT_SIMULATED, a code that PayerMax does not have.
//
// # Notifications
//
// Final states are posted to the notifyUrl of the order, those of refunds to their refundNotifyUrl, or else to
// Merchant.NotifyURL, until they are acknowledged or six attempts have been made. The expiry of an authorisation is not
// notified, since no page documents that. Only loopback hosts are called, unless Gateway.AllowNotify says otherwise.
//
// # Control
//
// Everything under /sandbox/ is for tests and for people, and has no authentication: serve it on a loopback address
// only, or set Gateway.NoControl.
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
//	DELETE /sandbox/sessions       ends all sessions, as if they had expired
//	POST   /sandbox/reset          forgets sessions, orders, captures, refunds, calls, notifications and faults
//
// An empty endpoint means any, and times is 1 unless given. Each of the next calls of the endpoint consumes one fault,
// the oldest first.
//
// # Faults
//
// A request can also ask for faults itself, in the header Sandbox-Fault. Several faults are separated by commas.
//
//	throttle            refused with TOO_MANY_REQUEST
//	code=SYSTEM_ERROR   refused with any code
//	status=503          refused in plain text, as if by a proxy in front of the gateway
//	html, html=502      the same with a page in HTML, with status 200 unless given
//	clock-skew=5m       checked and dated by a clock that is ahead (or, if negative, behind)
//	latency=2s          answered late
//	date-skew=5m        answered with a Date header that is ahead (or, if negative, behind)
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
// Refused calls have no effect. With the faults from latency on, the request takes effect before the fault strikes: the
// client cannot know what happened to its order, and must be able to handle that.
package sandbox
