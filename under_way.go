package payermax

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// givingUp is how long cancelled calls have to end by themselves.
const givingUp = time.Second

// underWay is the set of calls that are on their way to the gateway or back. Each gets
// its log line even if the process ends first, since a payment that nobody knows about
// cannot be queried.
//
// There is one set for the process, because it is the process that ends: the set includes
// calls of a config that has been replaced.
type underWay struct {
	mutex sync.Mutex
	calls map[*call]*Handler
	ended bool
}

var callsUnderWay = &underWay{calls: make(map[*call]*Handler)}

func init() {
	// This is for configs whose servers are not stopped. By then, Caddy may have closed
	// some logs already.
	caddy.OnExit(func(context.Context) { callsUnderWay.end() })
}

// endWithServer ends the calls when the process ends, after the grace period and before
// Caddy closes the logs. On a reload as well, it waits until the store has been told the
// outcome of the calls, before Caddy closes the store.
func (h *Handler) endWithServer(ctx caddy.Context) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return // there is no server, as in tests
	}
	server.RegisterOnStop(func(context.Context) error {
		if caddy.Exiting() { // not just a config reload
			callsUnderWay.end()
		}
		h.limits.AwaitSettled()
		return nil
	})
}

// begin adds a call that is about to be sent, and reports whether it may still be sent.
// If so, leave must be called later.
func (u *underWay) begin(c *call, h *Handler) bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if !u.ended {
		u.calls[c] = h
	}
	return !u.ended
}

// leave removes a call, if it is in the set.
func (u *underWay) leave(c *call) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	delete(u.calls, c)
}

// end cancels the calls. Most of them then end by themselves within givingUp, with a
// complete log line. For the others, end logs that the outcome is unknown.
func (u *underWay) end() {
	left := u.giveUp()
	for deadline := time.Now().Add(givingUp); u.anyOf(left) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for c, h := range left {
		h.recordCutOff(c, delivery.ErrProcessEnds)
	}
}

// giveUp cancels the calls that have not been logged yet, and returns them. From then on,
// begin admits no call.
func (u *underWay) giveUp() map[*call]*Handler {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.ended = true
	left := make(map[*call]*Handler)
	for c, h := range u.calls {
		if !c.recorded.Load() {
			left[c] = h
			c.giveUp(delivery.ErrProcessEnds)
		}
	}
	return left
}

// anyOf reports whether any of the calls is still under way.
func (u *underWay) anyOf(calls map[*call]*Handler) bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	for c := range calls {
		if _, ok := u.calls[c]; ok {
			return true
		}
	}
	return false
}

// recordCutOff writes the log line of a call whose handler cannot, unless it has been
// written already. It reads nothing that the handler may be changing.
func (h *Handler) recordCutOff(c *call, cause error) {
	d := c.sent.Load()
	if d == nil || !c.recorded.CompareAndSwap(false, true) {
		return
	}
	refused := delivery.Unanswered(http.StatusBadGateway, "connection_terminated", cause)
	h.write(&line{c, exchangeBy(d), reply.Unknown, refused.Answer(), refused})
}
