package sandbox

import (
	"math/big"
	"time"
)

// The values that make a payment an authorisation to be captured later ("Auth-Capture" guide). PayerMax documents no
// other values of captureMode and authorizationType.
const (
	captureManual = "MANUAL"
	finalAuth     = "FINAL_AUTH"
)

// authorizationValidity is how long an authorised amount can be captured or cancelled before it is released
// automatically ("Auth-Capture" guide). There is no timer: the clock is checked on each request.
const authorizationValidity = 7 * 24 * time.Hour

// hold is the state of an authorised amount, apart from its expiry, which depends on the clock. The ledger's lock
// guards the hold of an order.
type hold int

const (
	holdKept hold = iota
	holdCapturing
	holdCaptured
	holdCancelled
)

// captureMode reads captureMode and authorizationType, and reports whether the payment is only to be authorised. It
// refuses an authorizationType without captureMode, since a client that sends it does not expect an immediate payment.
func (o object) captureMode() (manual bool, refused *refusal) {
	if refused := o.oneOf("captureMode", captureManual); refused != nil {
		return false, refused
	}
	if refused := o.oneOf("authorizationType", finalAuth); refused != nil {
		return false, refused
	}
	if o.has("authorizationType") && !o.has("captureMode") {
		return false, isNull("captureMode")
	}
	return o.has("captureMode"), nil
}

// notSuccessful returns the refusal of an operation on an order that has not been paid or authorised, or nil.
func (o *order) notSuccessful() *refusal {
	switch o.status {
	case statusClosed:
		return refuse(codeOrderClosed)
	case statusPending:
		return refuse(codePaymentProcessing)
	case statusFailed:
		return refuse(codePaymentFailed)
	default:
		return nil
	}
}

// released returns the refusal of an operation on an order whose authorised amount was released, or nil.
func (o *order) released(now time.Time) *refusal {
	switch {
	case !o.manual || o.status != statusSuccess:
		return nil
	case o.hold == holdCancelled:
		return refuse(codeOrderClosed)
	case o.hold == holdKept && (o.plan.lapses || now.Sub(o.completed) >= authorizationValidity):
		return refuse(codeAuthExpired)
	default:
		return nil
	}
}

// notHeld returns the refusal to capture or cancel an order that holds no authorised amount, or nil. PayerMax documents
// no codes for this; these are the closest ones in its list.
func (o *order) notHeld(now time.Time) *refusal {
	if refused := o.notSuccessful(); refused != nil {
		return refused
	}
	if refused := o.released(now); refused != nil {
		return refused
	}
	switch {
	case !o.manual || o.hold == holdCaptured:
		return refuse(codeAuthFailed)
	case o.hold == holdCapturing:
		return refuse(codePaymentProcessing)
	default:
		return nil
	}
}

// notPaid returns the refusal to refund an order that was not paid, or only authorised, or nil.
func (o *order) notPaid(now time.Time) *refusal {
	if refused := o.notSuccessful(); refused != nil {
		return refused
	}
	if refused := o.released(now); refused != nil {
		return refused
	}
	if o.manual && o.hold != holdCaptured {
		return refuse(codePaymentProcessing)
	}
	return nil
}

// paid returns the amount that was paid for a successful order: the order's amount, or what was captured of it.
func (o *order) paid() *big.Rat {
	if o.manual {
		return o.captured
	}
	return o.amount
}

// state returns what orderQuery reports for an order: the state of its payment, or of its authorised amount. There are
// no separate states for the latter: an authorised or captured order is SUCCESS, a released one is CLOSED. Only
// resultCode and resultMsg say more.
func (o *order) state(now time.Time) (status, code, msg string) {
	if refused := o.released(now); refused != nil {
		return statusClosed, refused.code, refused.msg
	}
	code, msg = o.result()
	if o.manual && o.status == statusSuccess {
		msg = "Authorized."
		if o.hold == holdCaptured {
			msg = "Captured."
		}
	}
	return o.status, code, msg
}

// modes returns the captureMode and the authorizationType of an order. Both are empty for an order that is paid at
// once.
func (o *order) modes() (captureMode, authorizationType string) {
	if !o.manual {
		return "", ""
	}
	return captureManual, finalAuth
}
