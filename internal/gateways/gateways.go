// Package gateways records what handlers know about the gateways that answer their calls:
// how far a gateway's clock is ahead of this machine's, when it last accepted a call, and
// whether it is a sandbox. Each handler has a record of its own gateway only.
package gateways

import (
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/inuse"
)

// Gateway is what one handler knows about the gateway that answers its calls.
type Gateway struct {
	name        string // "" if the gateway is not known
	clock       clock
	lastSuccess atomic.Pointer[time.Time]
	sandbox     atomic.Bool
}

// New returns the Gateway of a new handler. The name may be any text that is the same for
// all handlers with this gateway, or "" if the gateway is not known. After a reload of
// the config, a handler starts with what its predecessor has measured for the same
// gateway: otherwise its first call would have the wrong requestTime.
func New(name string) *Gateway {
	g := &Gateway{name: name}
	if name == "" {
		return g
	}
	for _, before := range inUse.All() {
		if before.name == name {
			g.inherit(before)
		}
	}
	return g
}

// inherit copies what another handler has measured for the same gateway.
func (g *Gateway) inherit(before *Gateway) {
	if _, ok := before.clock.measured(); ok {
		g.clock.inherit(&before.clock)
	}
	if at := before.lastSuccess.Load(); at != nil {
		g.noteSuccess(*at)
	}
}

// ObserveClock evaluates the Date of an answer whose first byte arrived at the given
// time. It must not be called for answers that are withheld. It logs when the skew
// becomes large or small again.
func (g *Gateway) ObserveClock(answer http.Header, arrived time.Time, logger *zap.Logger) {
	g.clock.observe(answer, arrived, logger)
}

// Now returns the current time of the gateway's clock if it is known, or else of this
// machine's. A skew below two seconds is noise, and one above an hour is a mistake, so
// neither is applied.
func (g *Gateway) Now() time.Time { return g.clock.now() }

// NoteSuccess records that the gateway has just accepted a call.
func (g *Gateway) NoteSuccess() { g.noteSuccess(time.Now()) }

func (g *Gateway) noteSuccess(at time.Time) {
	if before := g.lastSuccess.Load(); before == nil || before.Before(at) {
		g.lastSuccess.Store(&at)
	}
}

// NoteSandbox records that the gateway is a sandbox, and reports whether that was not
// known before.
func (g *Gateway) NoteSandbox() bool { return !g.sandbox.Swap(true) }

// inUse are the gateways of the handlers in use.
var inUse inuse.Set[*Gateway]

// Use marks the handler as in use, until Release.
func (g *Gateway) Use() { inUse.Add(g) }

// Release undoes Use.
func (g *Gateway) Release() { inUse.Remove(g) }

// ClockSkew returns how far the gateway's clock is ahead of this machine's, or the
// largest skew if there are several handlers. ok is false before the first answer.
func ClockSkew() (skew time.Duration, ok bool) {
	for _, g := range inUse.All() {
		if measured, known := g.clock.measured(); known && (!ok || measured.Abs() > skew.Abs()) {
			skew, ok = measured, true
		}
	}
	return skew, ok
}

// LastSuccess returns when the gateway of any handler last accepted a call. ok is false
// before the first one.
func LastSuccess() (at time.Time, ok bool) {
	for _, g := range inUse.All() {
		if success := g.lastSuccess.Load(); success != nil && success.After(at) {
			at, ok = *success, true
		}
	}
	return at, ok
}

// HasSandbox reports whether any of the gateways is known to be a sandbox.
func HasSandbox() bool {
	return slices.ContainsFunc(inUse.All(), func(g *Gateway) bool { return g.sandbox.Load() })
}
