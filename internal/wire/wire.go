// Package wire is where the handler that signs a call and the transport that sends
// it meet: what they hand each other, and what of a request must be as it was signed.
package wire

import (
	"context"
	"net/http/httptrace"
)

// Call is a signed call on its way, as the transport sees it.
type Call interface {
	// MayRetry reports whether the call may be sent, for the first time or once more:
	// nothing of it was written yet, or it may be received twice.
	MayRetry() bool
	// Attempt begins an attempt to send it. All but the first are signed anew, which
	// may fail.
	Attempt(ctx context.Context) (Attempt, error)
	// Answered notes the status of the gateway's answer and its signatures, which no
	// log may show.
	Answered(status int, signatures []string)
}

// Attempt is one attempt to send a call.
type Attempt struct {
	// Signed is what must be sent.
	Signed Signed
	// Trace follows this attempt alone. It is nil if whatever follows the call does
	// that already.
	Trace *httptrace.ClientTrace
	// IsUnheard reports whether the call was sent on a connection that had been idle,
	// and has not heard anything on it. It may be called at any time.
	IsUnheard func() bool
}

// callKey is the context key of the Call.
type callKey struct{}

// With returns a context that carries the call to the transport.
func With(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// From returns the call that the context carries, or nil.
func From(ctx context.Context) Call {
	c, _ := ctx.Value(callKey{}).(Call)
	return c
}
