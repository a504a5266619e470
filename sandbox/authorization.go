package sandbox

import (
	"math/big"
	"time"
)

// The one way to authorise first and to capture later ("Auth-Capture" guide). No other value of captureMode and
// authorizationType is documented.
const (
	captureManual = "MANUAL"
	finalAuth     = "FINAL_AUTH"
)

// authorizationValidity is how long an authorised amount can be captured or cancelled, until it is released by itself
// ("Auth-Capture" guide). Nothing waits for the end of it: the clock is looked at when somebody asks.
const authorizationValidity = 7 * 24 * time.Hour

// hold is what has become of an authorised amount, save that it may have expired meanwhile. The ledger guards an order's.
type hold int

const (
	holdKept hold = iota
	holdCapturing
	holdCaptured
	holdCancelled
)

// captureMode reads captureMode and authorizationType, and reports whether the payment is only to be authorised. An
// authorizationType alone is refused: who sends it does not expect to be paid at once.
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

// notSuccessful refuses what is asked of an order that was not paid or authorised, or not yet.
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

// released refuses what is asked of an order whose authorised amount was given back.
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

// notHeld refuses the capture or the cancellation of an order that holds no authorised amount. PayerMax documents no
// codes for this; these are the nearest of its list.
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

// notPaid refuses the refund of an order that was not paid, or only authorised.
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

// paid returns how much of an order was paid, once it was.
func (o *order) paid() *big.Rat {
	if o.manual {
		return o.captured
	}
	return o.amount
}

// state returns what orderQuery tells of an order: the state of its payment, or of the authorised amount. Orders have no
// states of their own for the latter: what is authorised or captured is SUCCESS, what was given back is CLOSED. Only
// resultCode and resultMsg tell more.
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

// modes returns the captureMode and the authorizationType of an order, which one that is paid at once has none of.
func (o *order) modes() (captureMode, authorizationType string) {
	if !o.manual {
		return "", ""
	}
	return captureManual, finalAuth
}
