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
	// lease is how long a notification counts as being delivered if the process that delivers
	// it is not heard of again. PayerMax waits 30 seconds before it delivers again. By then,
	// the lease of a process that has died must be over.
	lease = 20 * time.Second
	// renewal is how often a lease is renewed while the application is still working. Two
	// renewals may fail before the lease is over.
	renewal = 6 * time.Second
)

// duplicates is the guard that keeps a notification from reaching the application twice. If
// the store cannot be reached, a notification is delivered all the same.
type duplicates struct {
	claims stores.Claims
	scope  stores.Scope
	window time.Duration
	logger *zap.Logger
}

// scopeOf returns the scope that the guards of all replicas share. It consists of the
// merchants whose notifications they accept.
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

// begin asks the store whether a notification is new. If it is, or if the store does not
// answer, the caller must deliver it and then call end.
func (g *duplicates) begin(ctx context.Context, body []byte) *attempt {
	id := envelope.NotificationID(body)
	// Continue even if PayerMax hangs up: the store's own timeout bounds every request to it.
	ctx = context.WithoutCancel(ctx)
	a := &attempt{guard: g}
	var err error
	if a.state, a.claim, err = g.claims.Claim(ctx, g.scope.Key("notification", string(id[:])), lease); err != nil {
		a.state = stores.New
		a.missed("claim", err)
	}
	if a.state == stores.UnderWay && isHeld(ctx, a.claim.Key) {
		a.state = stores.New // this claim holds nothing, so ending it changes nothing
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
				// If this one fails, the next may succeed; end makes the final change.
				_ = a.guard.claims.Renew(ctx, a.claim, lease)
			}
		}
	})
	return func() {
		cancel()
		renewing.Wait() // a late renewal would take back what end releases
	}
}

// end records whether the application has accepted the notification.
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

// outlasting returns the context in which the application answers. It outlasts the sender's
// context by up to a lease. An application does not stop working when the sender hangs up: if
// the claim were released then, the next delivery would run beside it, and an acceptance
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

// missed counts a notification that is delivered without the guard. It counts each one once.
func (a *attempt) missed(operation string, err error) {
	if a.unguarded {
		return
	}
	a.unguarded = true
	unguarded.Inc()
	a.guard.logger.Warn("the store did not answer, so this notification was delivered without the guard against duplicates",
		zap.String("operation", operation), zap.Error(err))
}
