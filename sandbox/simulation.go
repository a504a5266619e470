package sandbox

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"math/big"
	"time"
)

const (
	// defaultRefundDelay is how long a successful refund takes. PayerMax states no time.
	defaultRefundDelay = time.Second

	// The bounds of expireTime ("orderAndPay (for Drop-In)" page). The minimum is also the default.
	minExpiry = 1800 * time.Second
	maxExpiry = 86400 * time.Second

	// expiredToken is a paymentToken that is refused.
	expiredToken = "SANDBOX_EXPIRED"
)

// simulation describes how an order proceeds.
type simulation struct {
	// status is the initial state; final is the state that follows a pending one after a delay.
	status, final string

	// challenge is the title of the page that the buyer is redirected to, if any. The payment expires unless the buyer
	// completes it there.
	challenge string

	// The rest is for a payment that is only authorised. captures is the initial state of its capture, "" meaning SUCCESS;
	// a pending capture succeeds after a delay. lapses is true if the authorisation expires immediately.
	captures string
	lapses   bool
}

var (
	succeeds   = simulation{status: statusSuccess}
	fails      = simulation{status: statusFailed}
	hesitates  = simulation{status: statusPending, final: statusSuccess}
	challenges = simulation{status: statusPending, final: statusClosed, challenge: challenge3DS}
)

// bySubject holds the subjects that decide how an order proceeds in PayerMax's test environment (integration assistant,
// setup guide).
var bySubject = map[string]simulation{
	"SUCCESS": succeeds, "FAILED": fails, "PENDING": hesitates, "3DS": challenges,
}

// byToken holds the payment tokens with the same effect, and those that decide how a capture proceeds. They exist only
// in the sandbox, for tests of applications in which a test cannot choose the subject.
var byToken = map[string]simulation{
	"SANDBOX_SUCCESS": succeeds, "SANDBOX_FAILED": fails, "SANDBOX_PENDING": hesitates, "SANDBOX_3DS": challenges,
	"SANDBOX_CAPTURE_FAILED":  {status: statusSuccess, captures: statusFailed},
	"SANDBOX_CAPTURE_PENDING": {status: statusSuccess, captures: statusPending},
	"SANDBOX_AUTH_EXPIRED":    {status: statusSuccess, lapses: true},
}

// simulate decides how an order proceeds. A token in byToken takes precedence over the subject.
func simulate(subject, token string) simulation {
	if s, special := byToken[token]; special {
		return s
	}
	if s, special := bySubject[subject]; special {
		return s
	}
	return succeeds
}

// refundStatuses holds the refund amounts, in any currency, that decide how a refund proceeds in PayerMax's test
// environment (integration assistant, setup guide).
var refundStatuses = map[string]string{
	"10000": refundFailed, "102": refundFailed,
	"20000": refundPending, "202": refundPending,
}

// simulateRefund returns the initial state of a refund, and after how long a pending one succeeds. No refund succeeds
// at once (data.status on the page "refund": REFUND_PENDING or REFUND_FAILED).
func (g *Gateway) simulateRefund(amount *big.Rat) (status string, after time.Duration) {
	switch refundStatuses[number(amount).String()] {
	case refundFailed:
		return refundFailed, 0
	case refundPending:
		return refundPending, g.scaled(g.PendingDelay)
	default:
		return refundPending, g.scaled(cmp.Or(g.RefundDelay, defaultRefundDelay))
	}
}

// newTradeToken returns an order number like PayerMax's "T2024062702289232000001".
func newTradeToken(now time.Time) string {
	return "T" + now.UTC().Format("20060102") + randomDigits()
}

// newRefundTradeNo returns a refund number like PayerMax's "20220117091657TI790000055087".
func newRefundTradeNo(now time.Time) string {
	return now.UTC().Format("20060102150405") + "TI" + randomDigits()
}

// newCaptureNo returns the number of a capture or a cancellation, like PayerMax's
// "20230806235954ED7856775040587834005".
func newCaptureNo(now time.Time) string {
	return now.UTC().Format("20060102150405") + "ED" + randomDigits()
}

// randomDigits returns 14 random digits.
func randomDigits() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(1e14)) // never fails, as crypto/rand documents
	return fmt.Sprintf("%014d", n)
}
