package payermax

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/keys"
)

// sign fills the envelope and signs exactly the bytes that will be sent.
// requestTime is stamped here, as late as possible, and anew for each attempt:
// PayerMax accepts it for two minutes.
func (h *Handler) sign(ctx context.Context, c *call, key keys.Key, request *envelope.Envelope) (err error) {
	ctx, span := c.startSpan(ctx, "sign")
	defer func() { endSpan(span, err) }()

	if c.authToken, err = c.merchant.expandAuthToken(replacer(ctx)); err != nil {
		return signingFailed(err)
	}
	identity := c.merchant.identity
	identity.Version = c.route.Version
	identity.KeyVersion = c.keys.KeyVersion
	c.fingerprint, c.requestTime = key.Fingerprint, h.now()
	c.body = request.Fill(identity, c.requestTime)

	began := time.Now()
	c.signature, err = h.gate.sign(ctx, key, c.body, c.waitingSince(), time.Duration(h.MaxWait))
	c.signing = time.Since(began)
	observe(c.trace, processMetrics.signing.WithLabelValues(key.Source), c.signing.Seconds())
	if err != nil {
		return signingFailed(err)
	}
	c.noteSent()
	return nil
}

// waitingSince is when the wait for a signature began: for the first one, when the
// request was there; for another, just now.
func (c *call) waitingSince() time.Time {
	if c.there.IsZero() {
		return time.Now()
	}
	there := c.there
	c.there = time.Time{}
	return there
}

// now is the time to stamp a request with.
func (h *Handler) now() time.Time {
	if h.FollowGatewayClock {
		return h.gateway.Now()
	}
	return time.Now()
}

// signingFailed refuses a request because of the key, not of the request. A key
// that lives elsewhere may know when to try again.
func signingFailed(err error) *reply.Refusal {
	if errors.Is(err, errOverloaded) {
		return overloaded()
	}
	seconds := 1
	var unavailable interface{ RetryAfter() time.Duration }
	if errors.As(err, &unavailable) {
		seconds = max(seconds, int(math.Ceil(unavailable.RetryAfter().Seconds())))
	}
	return &reply.Refusal{
		Code: "SYSTEM_ERROR", Msg: "the request could not be signed; nothing was sent, so it is safe to try again",
		Status: http.StatusServiceUnavailable, ProxyError: "proxy_internal_error", Outcome: reply.NotSent,
		Header: http.Header{"Retry-After": {strconv.Itoa(seconds)}}, Cause: err,
	}
}
