package payermax

import (
	"bytes"
	"encoding/base64"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// How an application's own signature compares with the sidecar's.
const (
	shadowAgree    = "agree"
	shadowDisagree = "disagree"
	shadowUnsigned = "unsigned"
)

// passOn sends the application's own request, body and signature as they are,
// and reports whether the sidecar would have done the same. Nothing that it
// finds stops the request: it is the application that answers for it still.
func (h *Handler) passOn(c *call, body []byte, r *http.Request, next caddyhttp.Handler) (*answer, error) {
	_, err := h.understand(c, r, body)
	if refused := asRefusal(err); refused != nil {
		c.warned = append(c.warned, refused.Errors...)
	}
	if c.merchant == nil {
		c.merchant = h.merchants.only // whatever the request says
	}
	h.compare(c, r, body)

	c.body = body
	c.signature = r.Header.Get("Sign")
	c.authToken = r.Header.Get(authTokenHeader)
	answer, err := h.send(c, r, next)
	if err != nil {
		return nil, err
	}
	return answer, h.check(c, answer)
}

// compare signs the bytes that the application has signed. Signatures of
// PKCS#1 v1.5 are deterministic, so the same key gives the same one.
func (h *Handler) compare(c *call, r *http.Request, body []byte) {
	if c.merchant != nil {
		c.keys = c.merchant.keyring.current.Load()
	}
	c.shadow = shadowDisagree
	signatures := r.Header["Sign"]
	switch {
	case len(signatures) == 0:
		c.shadow = shadowUnsigned
	case len(signatures) == 1 && c.merchant != nil:
		own, err := signer.Sign(r.Context(), c.keys.signing, body)
		if err != nil {
			h.logger.Error("signing for comparison failed", zap.Error(err))
		} else if sameSignature(signatures[0], own) {
			c.shadow = shadowAgree
		}
	}
	processMetrics.shadow.WithLabelValues(c.route.name, c.shadow).Inc()
	if c.shadow == shadowAgree {
		return
	}
	fields := []zap.Field{zap.String("payermax.endpoint", c.route.name), zap.String("shadow", c.shadow)}
	if c.merchant == nil {
		fields = append(fields, zap.String("reason", "the request does not tell which merchant it is for"))
	} else if c.shadow == shadowDisagree {
		fields = append(fields, zap.String("fingerprint", c.keys.signing.fingerprint))
	}
	h.logger.Warn("the application's signature is not the one that this sidecar would have made", fields...)
}

// sameSignature compares what two texts of signatures stand for.
func sameSignature(a, b string) bool {
	if a == b {
		return true
	}
	first, err1 := base64.StdEncoding.DecodeString(a)
	second, err2 := base64.StdEncoding.DecodeString(b)
	return err1 == nil && err2 == nil && bytes.Equal(first, second)
}
