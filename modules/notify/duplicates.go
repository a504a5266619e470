package notify

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

const (
	// lease is for how long a notification counts as being delivered if nothing more is
	// heard of whoever delivers it. PayerMax waits 30 seconds before it delivers again,
	// and by then a lease of a process that has died must be over.
	lease = 20 * time.Second
	// renewal is how often a lease begins anew while the application takes its time.
	// Two renewals may fail before the lease is over.
	renewal = 6 * time.Second
)

// duplicates is the guard against a notification that reaches the application twice.
// It never keeps one from being delivered because the store is away.
type duplicates struct {
	claims stores.Claims
	scope  stores.Scope
	window time.Duration
	logger *zap.Logger
}

// scopeOf is what the guards of all replicas have in common: the merchants that they
// take notifications for.
func scopeOf(own addressees) stores.Scope {
	parts := []string{"payermax_notify", strconv.Itoa(len(own.appIDs))}
	return stores.NewScope(slices.Concat(parts, slices.Sorted(slices.Values(own.appIDs)), slices.Sorted(slices.Values(own.merchantNos)))...)
}

// attempt is one delivery of a notification.
type attempt struct {
	guard     *duplicates
	state     stores.State
	claim     stores.Claim
	unguarded bool // the store has not said whether the notification is new
	stop      func()
}

// begin asks whether a notification is new. If it is, or if the store does not say, it
// is to be delivered, and end is to be called.
func (g *duplicates) begin(ctx context.Context, body []byte) *attempt {
	id := envelope.NotificationID(body)
	// Even if PayerMax hangs up: the store's own timeout bounds all that it is asked.
	ctx = context.WithoutCancel(ctx)
	a := &attempt{guard: g}
	var err error
	if a.state, a.claim, err = g.claims.Claim(ctx, g.scope.Key("notification", string(id[:])), lease); err != nil {
		a.state = stores.New
		a.missed("claim", err)
	}
	if a.state == stores.UnderWay && isHeld(ctx, a.claim.Key) {
		a.state = stores.New // this claim holds nothing, so that its end changes nothing either
	}
	if a.state == stores.New {
		a.stop = a.keep(ctx)
	}
	return a
}

// keep renews the lease until the returned function is called.
func (a *attempt) keep(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		due := time.Tick(renewal)
		for {
			select {
			case <-ctx.Done():
				return
			case <-due:
				// If it fails, the next may not, and end has the last word.
				_ = a.guard.claims.Renew(ctx, a.claim, lease)
			}
		}
	})
	return func() {
		cancel()
		renewing.Wait() // or a late renewal would take again what end gives back
	}
}

// end notes whether the application has accepted the notification.
func (a *attempt) end(ctx context.Context, accepted bool) {
	a.stop()
	ctx = context.WithoutCancel(ctx)
	if accepted {
		if err := a.guard.claims.Finish(ctx, a.claim, a.guard.window); err != nil {
			a.missed("finish", err)
		}
		return
	}
	if err := a.guard.claims.Release(ctx, a.claim); err != nil {
		a.guard.logger.Warn("the store did not release a notification that the application has not accepted; it can be delivered again when the lease is over",
			zap.Duration("lease", lease), zap.Error(err))
	}
}

// outlasting returns the context for the application to answer in, which outlasts the
// sender's by up to a lease. An application is not done when the sender hangs up: a claim
// that was given back then would let the next delivery in beside it, and what it accepts
// would be forgotten.
func outlasting(sender context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(sender))
	context.AfterFunc(sender, func() {
		select {
		case <-ctx.Done():
		case <-time.After(lease):
			cancel()
		}
	})
	return ctx, cancel
}

// missed counts a notification that the store does not guard, once.
func (a *attempt) missed(operation string, err error) {
	if a.unguarded {
		return
	}
	a.unguarded = true
	unguarded.Inc()
	a.guard.logger.Warn("the store did not answer, so this notification was delivered without the guard against duplicates",
		zap.String("operation", operation), zap.Error(err))
}
