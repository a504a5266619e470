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

// session is a session of the Drop-In components, with what it was opened for.
type session struct {
	clientKey, appID, userID, currency string
	amount                             *big.Rat // nil when the session named none
	futureUse, manual                  bool

	// expires is when the session ends; zero means never.
	expires time.Time

	// issues is true once a component has issued a paymentToken in the session. The ledger's lock guards it.
	issues bool
}

// hasExpired reports whether a session has ended.
func (s *session) hasExpired(now time.Time) bool {
	return !s.expires.IsZero() && !now.Before(s.expires)
}

// progress is the state of an order, a capture or a refund. The ledger's lock guards it.
type progress struct {
	status    string
	completed time.Time

	// then, when not nil, is called when the state becomes final, with the lock held.
	then func()

	// done is closed when the state is final.
	done chan struct{}
}

// order is a payment, or with captureMode MANUAL an authorised amount. Once it is placed, only its progress,
// paymentTokenID, hold, captured and refunded change.
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

	// redirectURL is where the buyer completes the payment, and challengeKey the part of it that identifies the order.
	redirectURL, challengeKey string

	// saves is true if the card is saved when the payment succeeds. paymentTokenID is the saved card that was charged, or
	// the one that this order saved.
	saves          bool
	paymentTokenID string

	// manual is true if the amount is only authorised when the payment succeeds. hold is the state of that amount, and
	// captured the part that was captured, or nil.
	manual   bool
	hold     hold
	captured *big.Rat

	// refunded is the sum of the order's refunds, including pending ones.
	refunded *big.Rat
}

// refund is a refund of an order or of a part of it. Only its progress changes after it has been created.
type refund struct {
	outRefundNo, refundTradeNo string
	order                      *order
	currency                   string
	amount                     *big.Rat
	progress
}

// ledger stores sessions, orders, captures, refunds and saved cards. It is safe for concurrent use.
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
	cancellations shelf[*cancellation] // by numberKey of requestId, separately from captures
}

// numberKey returns the key of a number that is unique within one application. PayerMax ignores case: "AAA = AAa"
// (outTradeNo on the page "orderAndPay"). The pages say nothing about refund numbers and the requestIds of captures and
// cancellations; they are treated alike.
func numberKey(appID, number string) string { return appID + "\x00" + strings.ToLower(number) }

// open stores a session.
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

// place stores a new order, unless begin refuses it. A repeated order is refused, unless it is like the one before,
// which the buyer has yet to complete: then place returns a copy of that one.
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

// isLike reports whether two orders request the same payment.
func (o *order) isLike(other *order) bool {
	return o.currency == other.currency && o.amount.Cmp(other.amount) == 0 && o.userID == other.userID && o.manual == other.manual
}

// order returns a copy of an application's order in its current state, or nil. Empty numbers are ignored; if both are
// given, both must name the same order.
func (l *ledger) order(appID, outTradeNo, tradeToken string) *order {
	l.mu.Lock()
	defer l.mu.Unlock()
	return copied(l.find(appID, outTradeNo, tradeToken))
}

// find is like order, but returns the order itself. It is called with the lock held.
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

// challenge returns the order of a challenge page, or nil.
func (l *ledger) challenge(key string) *order {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.challenges.get(key)
}

// refund returns a copy of an application's refund in its current state, or nil.
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

// settle sets a final state and closes done. It must be called only once, with the lock held.
func (p *progress) settle(status string, now time.Time) {
	p.status, p.completed = status, now
	if p.then != nil {
		p.then()
	}
	close(p.done)
}

// await waits until a state is final, and settles it with status once after has passed; if after is 0, it waits for
// another settlement. It reports false if ctx ended first.
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

// snapshot returns a copy of an order, a capture or a refund in its current state.
func snapshot[V order | capture | refund](l *ledger, value *V) *V {
	l.mu.Lock()
	defer l.mu.Unlock()
	return copied(value)
}

// copied is like snapshot, but is called with the lock held, and returns nil for nil.
func copied[V order | capture | refund](value *V) *V {
	if value == nil {
		return nil
	}
	c := *value
	return &c
}
