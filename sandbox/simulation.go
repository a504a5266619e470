package sandbox

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"time"
)

const (
	// defaultPendingDelay is how long a pending payment, capture or refund takes. PayerMax states no time.
	defaultPendingDelay = 30 * time.Second

	// The bounds of expireTime ("orderAndPay (for Drop-In)" page). Without one, the shorter is taken.
	minExpiry = 1800 * time.Second
	maxExpiry = 86400 * time.Second

	// expiredToken is a paymentToken that is refused.
	expiredToken = "SANDBOX_EXPIRED"
)

// simulation is how an order goes.
type simulation struct {
	// status is the state at once; final is the one that follows a pending one after a while.
	status, final string

	// challenge says that the buyer is redirected, and the payment expires unless it is completed there.
	challenge bool

	// What follows is for a payment that is only authorised. captures is the state at once of its capture, "" meaning
	// SUCCESS; a pending one succeeds after a while. lapses says that the authorisation has expired at once.
	captures string
	lapses   bool
}

var (
	succeeds   = simulation{status: statusSuccess}
	fails      = simulation{status: statusFailed}
	hesitates  = simulation{status: statusPending, final: statusSuccess}
	challenges = simulation{status: statusPending, final: statusClosed, challenge: true}
)

// bySubject are the subjects that decide how an order goes in PayerMax's test environment (integration assistant, setup
// guide).
var bySubject = map[string]simulation{
	"SUCCESS": succeeds, "FAILED": fails, "PENDING": hesitates, "3DS": challenges,
}

// byToken are the payment tokens that do the same, and those that decide how a capture goes. They are the sandbox's own,
// for tests of applications that do not let a test choose the subject.
var byToken = map[string]simulation{
	"SANDBOX_SUCCESS": succeeds, "SANDBOX_FAILED": fails, "SANDBOX_PENDING": hesitates, "SANDBOX_3DS": challenges,
	"SANDBOX_CAPTURE_FAILED":  {status: statusSuccess, captures: statusFailed},
	"SANDBOX_CAPTURE_PENDING": {status: statusSuccess, captures: statusPending},
	"SANDBOX_AUTH_EXPIRED":    {status: statusSuccess, lapses: true},
}

// simulate decides how an order goes. A token of the sandbox's own counts more than the subject.
func simulate(subject, token string) simulation {
	if s, special := byToken[token]; special {
		return s
	}
	if s, special := bySubject[subject]; special {
		return s
	}
	return succeeds
}

// refundStatuses are the refund amounts, in any currency, that decide how a refund goes in PayerMax's test environment
// (integration assistant, setup guide).
var refundStatuses = map[string]string{
	"10000": refundFailed, "102": refundFailed,
	"20000": refundPending, "202": refundPending,
}

// simulateRefund decides how a refund begins.
func simulateRefund(amount *big.Rat) string {
	if status, special := refundStatuses[number(amount).String()]; special {
		return status
	}
	return refundSuccess
}

// pendingDelay is how long something is pending before it succeeds.
func (g *Gateway) pendingDelay() time.Duration {
	if g.PendingDelay == 0 {
		return g.scaled(defaultPendingDelay)
	}
	return g.scaled(g.PendingDelay)
}

// newTradeToken returns an order number such as PayerMax's "T2024062702289232000001".
func newTradeToken(now time.Time) string {
	return "T" + now.UTC().Format("20060102") + randomDigits()
}

// newRefundTradeNo returns a refund number such as PayerMax's "20220117091657TI790000055087".
func newRefundTradeNo(now time.Time) string {
	return now.UTC().Format("20060102150405") + "TI" + randomDigits()
}

// newCaptureNo returns the number of a capture or a cancellation such as PayerMax's
// "20230806235954ED7856775040587834005".
func newCaptureNo(now time.Time) string {
	return now.UTC().Format("20060102150405") + "ED" + randomDigits()
}

// randomDigits returns 14 digits.
func randomDigits() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(1e14)) // never fails, as crypto/rand documents
	return fmt.Sprintf("%014d", n)
}
