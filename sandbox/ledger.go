package sandbox

import (
	"context"
	"math/big"
	"strings"
	"sync"
	"time"
)

// The states of an order ("Transaction status" page) and of a refund (data.status of refundQuery).
const (
	statusSuccess = "SUCCESS"
	statusPending = "PENDING"
	statusFailed  = "FAILED"
	statusClosed  = "CLOSED"

	refundSuccess = "REFUND_SUCCESS"
	refundPending = "REFUND_PENDING"
	refundFailed  = "REFUND_FAILED"
)

// session is what a session of the Drop-In components was opened for.
type session struct {
	clientKey, appID, userID, currency string
	amount                             *big.Rat // nil when the session named none
	futureUse, manual                  bool

	// expires is when the session ends; zero for never.
	expires time.Time

	// issues says that a component has issued a paymentToken in the session. The ledger guards it.
	issues bool
}

// hasExpired reports whether a session has ended.
func (s *session) hasExpired(now time.Time) bool {
	return !s.expires.IsZero() && !now.Before(s.expires)
}

// progress is the state of an order, a capture or a refund. The ledger guards it.
type progress struct {
	status    string
	completed time.Time

	// then, when not nil, is what follows from a final state. It is called with the lock held.
	then func()

	// done is closed when the state is final.
	done chan struct{}
}

// order is a payment, or with captureMode MANUAL an authorised amount. Once it
// is placed, all but its progress, paymentTokenID, hold, captured and refunded stays as it was made.
type order struct {
	appID, outTradeNo, tradeToken string
	currency, country             string
	amount                        *big.Rat
	frontURL, notifyURL           string
	userID, referralCode          string
	reference                     string
	method                        string // paymentMethodType, or ""
	created                       time.Time
	plan                          simulation
	progress

	// redirectURL is where the buyer completes the payment, and challengeKey the part of it that names the order.
	redirectURL, challengeKey string

	// saves says that a success saves the card. paymentTokenID is the saved card that was charged, or that came of it.
	saves          bool
	paymentTokenID string

	// manual says that success means an amount that is only authorised. hold is what has become of it, and captured what
	// was taken of it, if anything was.
	manual   bool
	hold     hold
	captured *big.Rat

	// refunded is the sum of its refunds, pending ones included.
	refunded *big.Rat
}

// refund is money given back. All but its progress stays as it was made.
type refund struct {
	outRefundNo, refundTradeNo string
	order                      *order
	currency                   string
	amount                     *big.Rat
	progress
}

// ledger remembers what has been paid. It is safe for concurrent use.
type ledger struct {
	mu sync.Mutex

	sessions      shelf[*session]      // by sessionKey
	paymentTokens shelf[*paymentToken] // by their text
	cards         shelf[*savedCard]    // by paymentTokenID

	orders     shelf[*order]  // by numberKey of outTradeNo
	tokens     shelf[*order]  // by numberKey of tradeToken
	challenges shelf[*order]  // by the key in the redirectUrl
	refunds    shelf[*refund] // by numberKey of outRefundNo
	refundNos  shelf[*refund] // by numberKey of refundTradeNo

	captures      shelf[*capture]      // by numberKey of requestId
	cancellations shelf[*cancellation] // by numberKey of requestId, whose numbers are others than those of captures
}

// numberKey is the key of a number that is unique for one application. Capitals and small letters are one to PayerMax:
// "AAA = AAa" (outTradeNo on the page "orderAndPay"). Nothing is said of refund numbers and the requestIds of captures and
// cancellations; they are held to the same.
func numberKey(appID, number string) string { return appID + "\x00" + strings.ToLower(number) }

// open remembers a session.
func (l *ledger) open(key string, s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions.put(key, s)
}

// expireSessions ends all sessions.
func (l *ledger) expireSessions(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions.entries {
		s.expires = now
	}
}

// place remembers a new order, unless it cannot be begun. A repeated one is refused, but where it is the very order that
// the buyer has yet to complete: then it returns a copy of that.
func (l *ledger) place(o *order, begin func() *refusal) (*order, *refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := numberKey(o.appID, o.outTradeNo)
	if before := l.orders.get(key); before != nil {
		if before.status == statusPending && before.redirectURL != "" && before.isLike(o) {
			return copied(before), nil
		}
		return nil, refuse(codeOrderRepeat)
	}
	if refused := begin(); refused != nil {
		return nil, refused
	}
	l.orders.put(key, o)
	l.tokens.put(numberKey(o.appID, o.tradeToken), o)
	if o.challengeKey != "" {
		l.challenges.put(o.challengeKey, o)
	}
	return copied(o), nil
}

// isLike reports whether two orders ask for the same.
func (o *order) isLike(other *order) bool {
	return o.currency == other.currency && o.amount.Cmp(other.amount) == 0 && o.userID == other.userID && o.manual == other.manual
}

// order returns an application's order as it is now, or nil. An empty number is not looked at; both numbers must name
// the same order.
func (l *ledger) order(appID, outTradeNo, tradeToken string) *order {
	l.mu.Lock()
	defer l.mu.Unlock()
	return copied(l.find(appID, outTradeNo, tradeToken))
}

// find is order for who holds the lock, and returns the order itself.
func (l *ledger) find(appID, outTradeNo, tradeToken string) *order {
	if outTradeNo == "" {
		return l.tokens.get(numberKey(appID, tradeToken))
	}
	o := l.orders.get(numberKey(appID, outTradeNo))
	if o != nil && tradeToken != "" && !strings.EqualFold(o.tradeToken, tradeToken) {
		return nil
	}
	return o
}

// challenge returns the order of a 3DS challenge, or nil.
func (l *ledger) challenge(key string) *order {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.challenges.get(key)
}

// refund returns an application's refund as it is now, or nil.
func (l *ledger) refund(appID, outRefundNo, refundTradeNo string) *refund {
	l.mu.Lock()
	defer l.mu.Unlock()
	if outRefundNo == "" {
		return copied(l.refundNos.get(numberKey(appID, refundTradeNo)))
	}
	r := l.refunds.get(numberKey(appID, outRefundNo))
	if r != nil && refundTradeNo != "" && r.refundTradeNo != refundTradeNo {
		return nil
	}
	return copied(r)
}

// settle makes a state final and reports whether it was not final yet.
func (l *ledger) settle(p *progress, status string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-p.done:
		return false
	default:
		p.settle(status, now)
		return true
	}
}

// settle is for who holds the lock.
func (p *progress) settle(status string, now time.Time) {
	p.status, p.completed = status, now
	if p.then != nil {
		p.then()
	}
	close(p.done)
}

// await settles a state after a while, or never if that is 0, unless something else has settled it by then, and reports false if ctx ended
// first.
func (l *ledger) await(ctx context.Context, p *progress, after time.Duration, status string, now func() time.Time) bool {
	var ended <-chan time.Time // never, unless there is a time
	if after > 0 {
		timer := time.NewTimer(after)
		defer timer.Stop()
		ended = timer.C
	}
	select {
	case <-p.done:
	case <-ended:
		l.settle(p, status, now())
	case <-ctx.Done():
		return false
	}
	return true
}

// snapshot returns an order, a capture or a refund as it is now.
func snapshot[V order | capture | refund](l *ledger, value *V) *V {
	l.mu.Lock()
	defer l.mu.Unlock()
	return copied(value)
}

// copied is snapshot for who holds the lock. It leaves nil alone.
func copied[V order | capture | refund](value *V) *V {
	if value == nil {
		return nil
	}
	c := *value
	return &c
}
