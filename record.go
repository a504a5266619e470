package payermax

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// requestIDHeader tells the application the ID that its call has in the log.
const requestIDHeader = "Payermax-Request-Id"

// record sets the placeholders, counts the call and writes its one log line.
func (h *Handler) record(r *http.Request, c *call, a *answer, refused *refusal) {
	ended := outcomeAnswered
	if refused != nil {
		ended = refused.outcome
	}
	placeholders := replacer(r.Context())
	placeholders.Set("payermax.endpoint", c.route.name)
	placeholders.Set("payermax.outcome", string(ended))
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.String("payermax.endpoint", c.route.name))
		extra.Set(zap.String("payermax.outcome", string(ended)))
	}
	c.count(r, ended, refused)
	if entry := h.logger.Check(c.severity(ended), "call"); entry != nil {
		entry.Write(c.fields(ended, a, refused)...)
	}
	if c.gatewayCode == signVerifyFailed && c.fingerprint != "" {
		h.adviseOnSignature(c)
	}
}

// count adds the call to the metrics.
func (c *call) count(r *http.Request, ended outcome, refused *refusal) {
	endpoint := c.route.name
	if endpoint == "" {
		endpoint = other
	}
	m := processMetrics
	m.requests.WithLabelValues(endpoint, string(ended)).Inc()
	observe(r.Context(), m.duration.WithLabelValues(endpoint), time.Since(c.received).Seconds())
	m.requestBytes.WithLabelValues(endpoint).Add(float64(len(c.body)))
	for _, v := range c.warned {
		m.violations.WithLabelValues(endpoint, v.Row, v.Rule, "warned").Inc()
	}
	if refused == nil {
		return
	}
	if refused.limit != "" {
		m.limits.WithLabelValues(refused.limit).Inc()
		return
	}
	for _, v := range refused.Errors {
		m.violations.WithLabelValues(endpoint, v.Row, v.Rule, "refused").Inc()
	}
}

// fields are what the log says of a call: enough to find it at PayerMax and to
// prove what was sent, by its digest, and nothing that stood in it.
func (c *call) fields(ended outcome, a *answer, refused *refusal) []zap.Field {
	fields := make([]zap.Field, 0, 20) // or growing it would cost more than writing it
	fields = append(fields,
		zap.String("request_id", c.id),
		zap.String("payermax.endpoint", c.route.name),
		zap.String("payermax.outcome", string(ended)),
		zap.Int("status", a.status),
		zap.Duration("duration", time.Since(c.received)))
	if c.merchant != nil {
		fields = append(fields, zap.String("app_id", c.merchant.identity.AppID))
	}
	if c.signature != "" {
		fields = append(fields,
			zap.Int("body_bytes", len(c.body)),
			zap.String("body_sha256", digest(c.body)),
			zap.Duration("upstream_duration", c.upstream))
	}
	if c.fingerprint != "" {
		fields = append(fields,
			zap.Time("request_time", c.requestTime),
			zap.String("fingerprint", c.fingerprint),
			zap.Duration("sign_duration", c.signing),
			zap.Int("attempts", c.attempts))
	}
	if c.found != "" {
		fields = append(fields, zap.String("gateway_code", knownCode(c.gatewayCode)), zap.String("answer", answerResults[c.found]))
		if refused == nil {
			fields = append(fields, zap.Int("answer_bytes", len(a.body)), zap.String("answer_sha256", digest(a.body)))
		}
	}
	if c.shadow != "" {
		fields = append(fields, zap.String("shadow", c.shadow))
	}
	if len(c.warned) > 0 {
		fields = append(fields, zap.Strings("warned", brokenRules(c.warned)))
	}
	if refused != nil {
		fields = append(fields,
			zap.String("code", refused.Code),
			zap.String("error", refused.proxyError),
			zap.Strings("rules", brokenRules(refused.Errors)))
		if refused.cause != nil && refused.outcome != outcomeRefused {
			fields = append(fields, zap.NamedError("cause", refused.cause))
		}
	}
	return fields
}

// adviseOnSignature says what to look at when PayerMax does not accept the
// signature, the likeliest first.
func (h *Handler) adviseOnSignature(c *call) {
	h.logger.Error("PayerMax refused the signature; check these in order",
		zap.String("request_id", c.id),
		zap.String("app_id", c.merchant.identity.AppID),
		zap.String("fingerprint", c.fingerprint),
		zap.String("key_version", c.keys.keyVersion),
		zap.Strings("check", []string{
			"1. PayerMax's dashboard holds the public key of this fingerprint for this app_id: caddy payermax-doctor shows the fingerprints, and says what does not fit together",
			"2. the key belongs to this environment: uat and production have different keys and app_ids",
			"3. key_version is the one that the dashboard shows, 1 if it shows none",
			"4. the key was changed lately: a newly uploaded key makes the old one invalid at once; see next_private_key",
			"5. nothing between here and PayerMax changes the body: body_sha256 and body_bytes of this request_id are what was signed",
		}))
}

// severity is the level to log an outcome at. A request that the sidecar
// refuses is the application's mistake, not the operator's.
func (c *call) severity(o outcome) zapcore.Level {
	switch {
	case o != outcomeAnswered && o != outcomeRefused:
		return zapcore.ErrorLevel
	case len(c.warned) > 0:
		return zapcore.WarnLevel
	default:
		return zapcore.InfoLevel
	}
}

// brokenRules names rules and the rows of the tables that they are of, none of which
// is from the request.
func brokenRules(violations []validate.Violation) []string {
	names := make([]string, len(violations))
	for i, v := range violations {
		names[i] = strings.TrimSpace(v.Row + " " + v.Rule)
	}
	return names
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
}
