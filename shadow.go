package payermax

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/diagnosis"
	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// How an application's own signature compares with the sidecar's.
const (
	shadowAgree    = "agree"
	shadowDisagree = "disagree"
	shadowUnsigned = "unsigned"
	// shadowSkipped is for signatures that could not be compared, because the sidecar had
	// no time to sign or its key failed.
	shadowSkipped = "skipped"
)

// passOn sends the application's own request with body and signature unchanged, and logs
// and counts whether the sidecar would have made the same signature. Nothing that it
// finds stops the request: the application is still responsible for it.
func (h *Handler) passOn(c *call, body []byte, r *http.Request, next caddyhttp.Handler) (*reply.Answer, error) {
	var err error
	c.request, err = h.understand(c, r, body)
	if refused := reply.AsRefusal(err); refused != nil {
		c.request.warned = append(c.request.warned, refused.Errors...)
	}
	if c.request.merchant == nil {
		c.request.merchant = h.merchants.only // regardless of the request
	}
	if c.request.merchant != nil {
		c.keys = c.request.merchant.keyring.Current()
	}
	c.shadow = h.compare(c, r, body)

	signed := &delivery.Signed{
		Path: c.route.Path(), Body: body,
		Signature: r.Header.Get(protocol.SignHeader), AuthToken: r.Header.Get(protocol.AuthTokenHeader),
	}
	c.exchange, err = h.exchange(c, delivery.New(c.route.Endpoint, h.RetryRepeatable, signed, nil), r, next)
	return c.exchange.answer, err
}

// compare signs the bytes that the application has signed, and returns how the signatures
// compare. PKCS#1 v1.5 signatures are deterministic: the same key always makes the same
// signature.
func (h *Handler) compare(c *call, r *http.Request, body []byte) string {
	signatures := r.Header[protocol.SignHeader]
	found := shadowDisagree
	switch {
	case len(signatures) == 0:
		found = shadowUnsigned
	case len(signatures) == 1 && c.request.merchant != nil:
		found = h.compareWithOwn(r.Context(), c, signatures[0], body)
	}
	processMetrics.shadow.WithLabelValues(c.route.Name, found).Inc()
	if found == shadowDisagree || found == shadowUnsigned {
		h.explain(c, found, signatures, body)
	}
	return found
}

// compareWithOwn signs the body as the handler does outside shadow mode, and compares the
// signatures. It gives up after max_wait, wherever the key is, so that the comparison
// does not hold up the call.
func (h *Handler) compareWithOwn(ctx context.Context, c *call, signature string, body []byte) string {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(h.MaxWait))
	defer cancel()
	own, _, err := h.signature(ctx, c, c.keys.Signing, body, c.bodyRead)
	switch {
	case err != nil:
		h.logger.Warn("the application's signature was not compared, because the sidecar could not sign",
			zap.String("request_id", c.id), zap.Error(err))
		return shadowSkipped
	case sameSignature(signature, own):
		return shadowAgree
	default:
		return shadowDisagree
	}
}

// explain logs why the application's signature is not the sidecar's. Finding out can take
// a third of a second, so another goroutine does it, and not for every call of an
// application that always signs wrongly.
func (h *Handler) explain(c *call, found string, signatures []string, body []byte) {
	logger := h.logger.With(zap.String("request_id", c.id), zap.String("payermax.endpoint", c.route.Name), zap.String("shadow", found))
	warn := func(reason string, fields ...zap.Field) {
		logger.Warn("the application's signature differs from the one that this sidecar would have made", append(fields, zap.String("reason", reason))...)
	}
	switch {
	case c.request.merchant == nil:
		warn("The request does not say which merchant it is for.")
	case len(signatures) != 1:
		warn(fmt.Sprintf("The request has %d sign headers.", len(signatures)))
	case h.explanations.Allow():
		key, fingerprint := c.keys.Signing.Private.Public().(*rsa.PublicKey), c.keys.Signing.Fingerprint
		go func() {
			defer func() {
				if cause := recover(); cause != nil {
					warn("The signature could not be explained.")
				}
			}()
			found := diagnosis.Diagnose(key, body, signatures[0])
			warn(found.Advice, zap.String("cause", string(found.Cause)), zap.String("fingerprint", fingerprint))
		}()
	}
}

// explanationInterval is the minimum time between two explanations.
const explanationInterval = 10 * time.Second

// sameSignature reports whether two base64 texts encode the same signature.
func sameSignature(a, b string) bool {
	if a == b {
		return true
	}
	first, err1 := base64.StdEncoding.DecodeString(a)
	second, err2 := base64.StdEncoding.DecodeString(b)
	return err1 == nil && err2 == nil && bytes.Equal(first, second)
}
