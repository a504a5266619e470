// Package gateways has what handlers know of the gateways that answer their calls: how
// far a gateway's clock is ahead of ours, when it last accepted a call, and whether it
// is a sandbox. Each handler knows it of its own gateway, and of no other.
package gateways

import (
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/inuse"
)

// Gateway is what one handler knows of the gateway that answers its calls.
type Gateway struct {
	name        string // "" if it is not known
	clock       clock
	lastSuccess atomic.Pointer[time.Time]
	sandbox     atomic.Bool
}

// New returns what a new handler knows. Handlers that call the same gateway give the
// same name, whatever it looks like, or "" if their gateway is not known. At a reload of the
// config, a handler begins with what the one before it has measured of the same
// gateway: otherwise its first call would be stamped with the wrong time.
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

// inherit begins with what another handler has measured of the same gateway.
func (g *Gateway) inherit(before *Gateway) {
	if _, ok := before.clock.measured(); ok {
		g.clock.inherit(&before.clock)
	}
	if at := before.lastSuccess.Load(); at != nil {
		g.noteSuccess(*at)
	}
}

// ObserveClock takes the Date of an answer whose first byte arrived at the time given.
// Answers that are withheld must not be given. It logs when the skew becomes large or
// small again.
func (g *Gateway) ObserveClock(answer http.Header, arrived time.Time, logger *zap.Logger) {
	g.clock.observe(answer, arrived, logger)
}

// Now returns what the gateway's clock shows now, as far as that is known, or else our
// own time. A difference below two seconds says nothing, and one beyond an hour is a
// mistake, so neither is followed.
func (g *Gateway) Now() time.Time { return g.clock.now() }

// NoteSuccess notes that the gateway has just accepted a call.
func (g *Gateway) NoteSuccess() { g.noteSuccess(time.Now()) }

func (g *Gateway) noteSuccess(at time.Time) {
	if before := g.lastSuccess.Load(); before == nil || before.Before(at) {
		g.lastSuccess.Store(&at)
	}
}

// NoteSandbox notes that the gateway is a sandbox, and reports whether that is news.
func (g *Gateway) NoteSandbox() bool { return !g.sandbox.Swap(true) }

// inUse are the gateways of the handlers in use.
var inUse inuse.Set[*Gateway]

// Use counts the handler among those in use, until Release.
func (g *Gateway) Use() { inUse.Add(g) }

// Release ends what Use began.
func (g *Gateway) Release() { inUse.Remove(g) }

// ClockSkew returns how far the gateway's clock is ahead of ours. Of several handlers
// it is the one with the largest difference. It is not ok before the first answer.
func ClockSkew() (skew time.Duration, ok bool) {
	for _, g := range inUse.All() {
		if measured, known := g.clock.measured(); known && (!ok || measured.Abs() > skew.Abs()) {
			skew, ok = measured, true
		}
	}
	return skew, ok
}

// LastSuccess returns when the gateway of any handler last accepted a call. It is not
// ok before the first time.
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
