package payermax

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/gate"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/keys"
)

// sign fills the envelope and signs exactly the bytes that will be sent. requestTime is
// stamped here, as late as possible, and anew for each attempt: PayerMax accepts it for
// two minutes. since is when the request began to wait for its signature. With an error,
// signed is nil or has no signature.
func (h *Handler) sign(ctx context.Context, c *call, key keys.Key, since time.Time) (signed *delivery.Signed, err error) {
	ctx, span := c.startSpan(ctx, "sign")
	defer func() { endSpan(span, err) }()

	merchant := c.request.merchant
	authToken, err := merchant.expandAuthToken(replacer(ctx))
	if err != nil {
		return nil, merchant.withoutToken(err)
	}
	identity := merchant.identity
	identity.Version = c.route.Version
	identity.KeyVersion = c.keys.KeyVersion
	signed = &delivery.Signed{Path: c.route.Path(), AuthToken: authToken, RequestTime: h.now(), Fingerprint: key.Fingerprint}
	signed.Body = c.request.Fill(identity, signed.RequestTime)

	signed.Signature, signed.Took, err = h.signature(ctx, c, key, signed.Body, since)
	switch {
	case errors.Is(err, gate.ErrOverloaded):
		return signed, h.overloaded()
	case err != nil:
		return signed, signingFailed(ctx, err)
	}
	return signed, nil
}

// signature signs a body when it is its turn, and measures how long that takes. since is
// when the request began to wait for its signature.
func (h *Handler) signature(ctx context.Context, c *call, key keys.Key, body []byte, since time.Time) (signature string, took time.Duration, err error) {
	began := time.Now()
	signature, err = h.gate.Sign(ctx, key, body, since, time.Duration(h.MaxWait))
	took = time.Since(began)
	observe(c.trace, processMetrics.signing.WithLabelValues(key.Source), took.Seconds())
	return signature, took, err
}

// now returns the requestTime for a request.
func (h *Handler) now() time.Time {
	if h.FollowGatewayClock {
		return h.gateway.Now()
	}
	return time.Now()
}

// signingFailed refuses a request because of the key rather than the request. A remote
// key may know when a retry makes sense; for other keys, it is not known whether a retry
// helps. If the call's context has ended, the key is not blamed.
func signingFailed(ctx context.Context, err error) *reply.Refusal {
	if ctx.Err() != nil {
		return delivery.NotSentInTime(context.Cause(ctx))
	}
	seconds := 1
	msg := "the key could not sign the request; nothing was sent; if a retry does not help, the operator must check the key"
	var unavailable interface{ RetryAfter() time.Duration }
	if errors.As(err, &unavailable) {
		msg = "the key cannot sign at the moment; nothing was sent, so it is safe to try again"
		seconds = max(seconds, int(math.Ceil(unavailable.RetryAfter().Seconds())))
	}
	return &reply.Refusal{
		Code: "SYSTEM_ERROR", Msg: msg,
		Status: http.StatusServiceUnavailable, ProxyError: "proxy_internal_error", Outcome: reply.NotSent,
		Header: http.Header{"Retry-After": {strconv.Itoa(seconds)}}, Cause: err,
	}
}
