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

// givingUp is how long calls have to end by themselves once they are given up.
const givingUp = time.Second

// underWay are the calls that are on their way to the gateway or back. Each has its
// line in the log even if the process ends first, since a payment that nobody knows
// of cannot be queried.
//
// There is one set for the process, because what ends is the process: calls of a
// config that was replaced are among them.
type underWay struct {
	mutex sync.Mutex
	calls map[*call]*Handler
	ended bool
}

var callsUnderWay = &underWay{calls: make(map[*call]*Handler)}

func init() {
	// For configs that end without their servers; it is too late then for logs that
	// Caddy has closed already.
	caddy.OnExit(func(context.Context) { callsUnderWay.end() })
}

// endWithServer ends the calls when the process does, after the grace period and
// before Caddy closes the logs. Before it closes the store, in any case, that hears what
// came of them.
func (h *Handler) endWithServer(ctx caddy.Context) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return // not in a server, as in tests
	}
	server.RegisterOnStop(func(context.Context) error {
		if caddy.Exiting() { // and not only replaced by another config
			callsUnderWay.end()
		}
		h.limits.AwaitSettled()
		return nil
	})
}

// begin adds a call that is about to be sent. It reports false if it must not be
// sent any more. Otherwise leave must be called.
func (u *underWay) begin(c *call, h *Handler) bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if !u.ended {
		u.calls[c] = h
	}
	return !u.ended
}

// leave removes a call that has been answered, if it was there.
func (u *underWay) leave(c *call) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	delete(u.calls, c)
}

// end gives up the calls. Most end by themselves then, with all that there is to say
// about them. Of the others, it is logged that their outcome is unknown.
func (u *underWay) end() {
	left := u.giveUp()
	for deadline := time.Now().Add(givingUp); u.anyOf(left) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for c, h := range left {
		h.recordCutOff(c, delivery.ErrProcessEnds)
	}
}

// giveUp gives up the calls that are not in the log yet, and returns them. From now
// on, no call begins.
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

// recordCutOff writes the line of a call whose handler cannot, unless it is written
// already.
// It touches nothing that the handler may be changing.
func (h *Handler) recordCutOff(c *call, cause error) {
	d := c.sent.Load()
	if d == nil || !c.recorded.CompareAndSwap(false, true) {
		return
	}
	refused := delivery.Unanswered(http.StatusBadGateway, "connection_terminated", cause)
	h.write(&line{c, exchangeBy(d), reply.Unknown, refused.Answer(), refused})
}
