package payermax

import (
	"context"

	"github.com/caddy-payermax/caddy-payermax/internal/wire"
)

// MayRetry reports whether the call may be sent, once more or for the first time:
// nothing of it was written yet, or it may be received twice.
func (c *call) MayRetry() bool {
	return !c.written.Load() || c.retryRepeatable && c.route.Repeatable
}

// Attempt begins an attempt of the transport's to send the call. What is sent again is
// stamped and signed anew, unless it is the application who signs.
func (c *call) Attempt(ctx context.Context) (wire.Attempt, error) {
	c.attempts++
	if c.attempts == 1 {
		return wire.Attempt{Signed: c.signed(), IsUnheard: c.flight.isUnheard}, nil
	}
	if c.sign != nil {
		if err := c.sign(ctx); err != nil {
			return wire.Attempt{}, err
		}
	}
	c.attempt = new(flight)
	return wire.Attempt{Signed: c.signed(), Trace: c.attempt.watch(), IsUnheard: c.attempt.isUnheard}, nil
}

// signed is what the gateway must get of the call.
func (c *call) signed() wire.Signed {
	return wire.Signed{Path: c.route.Path(), Body: c.body, Signature: c.signature, AuthToken: c.authToken}
}

// Answered notes what the transport keeps from everybody else.
func (c *call) Answered(status int, signatures []string) {
	c.answerStatus, c.answerSign = status, signatures
}

// isUnheard reports whether a request was sent on a connection that had been idle, and
// has not heard anything on it.
func (f *flight) isUnheard() bool {
	return f.kept.Load() && f.written.Load() && f.firstByte.Load() == nil
}
