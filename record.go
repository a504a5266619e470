package payermax

import (
	"context"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// record sets the placeholders, counts the call and writes its one log line.
func (h *Handler) record(r *http.Request, c *call, a *reply.Answer, refused *reply.Refusal) {
	if !c.recorded.CompareAndSwap(false, true) {
		return // the process is ending, and recordCutOff was faster
	}
	ended := a.Outcome()
	if refused != nil {
		ended = refused.Outcome
	}
	placeholders := replacer(r.Context())
	placeholders.Set("payermax.endpoint", c.route.Name)
	placeholders.Set("payermax.outcome", string(ended))
	c.addToAccessLog(r.Context(), ended)
	h.write(&line{c, c.exchange, ended, a, refused})
	switch {
	case c.exchange.Code == protocol.CodeSignVerifyFailed && !h.Shadow:
		h.adviseOnSignature(c)
	case c.exchange.Code == protocol.CodeLoopDetected:
		h.logger.Error("a sidecar (this one or another) got the call instead of PayerMax and refused it; correct gateway, or the proxy between here and PayerMax",
			zap.String("request_id", c.id))
	}
}

// write counts a call and writes its log line.
func (h *Handler) write(l *line) {
	l.count()
	if entry := h.logger.Check(l.severity(), "call"); entry != nil {
		entry.Write(zap.Inline(l))
	}
}

// addToAccessLog adds the call's fields to the server's access log. It skips servers
// without one, since the fields take a kilobyte.
func (c *call) addToAccessLog(ctx context.Context, ended reply.Outcome) {
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if server == nil || server.Logs == nil {
		return
	}
	if extra, ok := ctx.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.String("payermax.endpoint", c.route.Name))
		extra.Set(zap.String("payermax.outcome", string(ended)))
	}
}

// count adds the call to the metrics.
func (l *line) count() {
	endpoint, refused := l.route.Name, l.refused
	if endpoint == "" {
		endpoint = other
	}
	m := processMetrics
	m.requests.WithLabelValues(endpoint, string(l.ended), errorLabel(refused)).Inc()
	observe(l.trace, m.duration.WithLabelValues(endpoint), time.Since(l.received).Seconds())
	if l.Signed != nil && l.Signature != "" {
		m.requestBytes.WithLabelValues(endpoint).Add(float64(len(l.Body)))
		for _, other := range l.others {
			m.requestBytes.WithLabelValues(endpoint).Add(float64(len(other.Body)))
		}
	}
	for _, v := range l.request.warned {
		m.violations.WithLabelValues(endpoint, v.Row, v.Rule, "warned").Inc()
	}
	for _, d := range l.request.disputed {
		m.violations.WithLabelValues(endpoint, d.Row, d.Rule, "disputed").Inc()
	}
	if refused == nil {
		return
	}
	if refused.Limit != "" {
		m.limits.WithLabelValues(refused.Limit).Inc()
		return
	}
	for _, v := range refused.Errors {
		m.violations.WithLabelValues(endpoint, v.Row, v.Rule, "refused").Inc()
	}
}

// adviseOnSignature logs what to check when PayerMax does not accept the signature, the
// likeliest cause first.
func (h *Handler) adviseOnSignature(c *call) {
	h.logger.Error("PayerMax refused the signature; check these in order",
		zap.String("request_id", c.id),
		zap.String("app_id", c.request.merchant.identity.AppID),
		zap.String("fingerprint", c.exchange.Fingerprint),
		zap.String("key_version", c.keys.KeyVersion),
		zap.Strings("check", []string{
			"1. PayerMax's dashboard has the public key with this fingerprint for this app_id: caddy payermax-doctor shows the fingerprints and what does not match",
			"2. the key belongs to this environment: uat and production have different keys and app_ids",
			"3. key_version is the one in the dashboard, or 1 if it shows none",
			"4. the key was changed recently: a newly uploaded key makes the old one invalid at once; see next_private_key",
			"5. nothing between here and PayerMax changes the body: compare it with body_sha256 and body_bytes of this request_id, which were signed",
		}))
}
