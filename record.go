package payermax

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// requestIDHeader tells the application the ID that its call has in the log.
const requestIDHeader = "Payermax-Request-Id"

// record sets the placeholders, counts the call and writes its one log line.
func (h *Handler) record(r *http.Request, c *call, a *reply.Answer, refused *reply.Refusal) {
	if !c.recorded.CompareAndSwap(false, true) {
		return // the process ends, and recordCutOff was faster
	}
	ended := a.Outcome()
	if refused != nil {
		ended = refused.Outcome
	}
	placeholders := replacer(r.Context())
	placeholders.Set("payermax.endpoint", c.route.Name)
	placeholders.Set("payermax.outcome", string(ended))
	c.addToAccessLog(r.Context(), ended)
	c.count(ended, refused)
	if entry := h.logger.Check(c.severity(ended), "call"); entry != nil {
		entry.Write(zap.Inline(&line{c, ended, a, refused}))
	}
	if c.gatewayCode == protocol.CodeSignVerifyFailed && c.fingerprint != "" {
		h.adviseOnSignature(c)
	}
}

// addToAccessLog adds the call's fields to the server's access log, if it has one:
// they take a kilobyte.
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
func (c *call) count(ended reply.Outcome, refused *reply.Refusal) {
	endpoint := c.route.Name
	if endpoint == "" {
		endpoint = other
	}
	m := processMetrics
	m.requests.WithLabelValues(endpoint, string(ended), errorLabel(refused)).Inc()
	observe(c.trace, m.duration.WithLabelValues(endpoint), time.Since(c.received).Seconds())
	m.requestBytes.WithLabelValues(endpoint).Add(float64(len(c.body)))
	for _, v := range c.warned {
		m.violations.WithLabelValues(endpoint, v.Row, v.Rule, "warned").Inc()
	}
	for _, d := range c.disputed {
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

// line is what the log says of a call: enough to find it at PayerMax and to prove
// what was sent, by its digest, and nothing that stood in it.
type line struct {
	*call
	ended   reply.Outcome
	answer  *reply.Answer
	refused *reply.Refusal // nil if the answer is the gateway's
}

// MarshalLogObject adds the fields. A slice of them would be the largest
// allocation of a call.
func (l *line) MarshalLogObject(log zapcore.ObjectEncoder) error {
	log.AddString("request_id", l.id)
	log.AddString("payermax.endpoint", l.route.Name)
	log.AddString("payermax.outcome", string(l.ended))
	log.AddInt("status", l.answer.Status)
	log.AddDuration("duration", time.Since(l.received))
	if l.merchant != nil {
		log.AddString("app_id", l.merchant.identity.AppID)
	}
	if l.sandbox {
		log.AddBool("sandbox", true)
	}
	if l.signature != "" {
		log.AddInt("body_bytes", len(l.body))
		log.AddString("body_sha256", digest(l.body))
		log.AddDuration("upstream_duration", l.upstream)
	}
	if l.fingerprint != "" {
		log.AddTime("request_time", l.requestTime)
		log.AddString("fingerprint", l.fingerprint)
		log.AddDuration("sign_duration", l.signing)
		log.AddInt("attempts", l.attempts)
	}
	if l.found != "" {
		log.AddString("gateway_code", knownCode(l.gatewayCode))
		log.AddString("answer", answerResults[l.found])
		if l.refused == nil {
			log.AddInt("answer_bytes", len(l.answer.Body))
			log.AddString("answer_sha256", digest(l.answer.Body))
		}
	}
	if l.shadow != "" {
		log.AddString("shadow", l.shadow)
	}
	if len(l.warned) > 0 {
		zap.Strings("warned", brokenRules(l.warned)).AddTo(log)
	}
	if len(l.disputed) > 0 {
		zap.Strings("disputed", disputedRules(l.disputed)).AddTo(log)
	}
	if l.refused != nil {
		l.addRefusal(log)
	}
	return nil
}

// addRefusal adds why the application was refused.
func (l *line) addRefusal(log zapcore.ObjectEncoder) {
	f := l.refused
	log.AddString("code", f.Code)
	log.AddString("error", f.ProxyError)
	if f.Received != 0 {
		log.AddInt("received_status", f.Received)
	}
	zap.Strings("rules", brokenRules(f.Errors)).AddTo(log)
	if f.Cause != nil && f.Outcome != reply.Refused {
		zap.NamedError("cause", f.Cause).AddTo(log)
	}
}

// adviseOnSignature says what to look at when PayerMax does not accept the
// signature, the likeliest first.
func (h *Handler) adviseOnSignature(c *call) {
	h.logger.Error("PayerMax refused the signature; check these in order",
		zap.String("request_id", c.id),
		zap.String("app_id", c.merchant.identity.AppID),
		zap.String("fingerprint", c.fingerprint),
		zap.String("key_version", c.keys.KeyVersion),
		zap.Strings("check", []string{
			"1. PayerMax's dashboard holds the public key of this fingerprint for this app_id: caddy payermax-doctor shows the fingerprints, and says what does not fit together",
			"2. the key belongs to this environment: uat and production have different keys and app_ids",
			"3. key_version is the one that the dashboard shows, 1 if it shows none",
			"4. the key was changed lately: a newly uploaded key makes the old one invalid at once; see next_private_key",
			"5. nothing between here and PayerMax changes the body: body_sha256 and body_bytes of this request_id are what was signed",
		}))
}

// severity is the level to log an outcome at. A request that the sidecar
// refuses is the application's mistake, not the operator's; a refusal that is not
// signed may be PayerMax's, or anybody's.
func (c *call) severity(o reply.Outcome) zapcore.Level {
	switch {
	case o == reply.Unsigned:
		return zapcore.WarnLevel
	case o != reply.Answered && o != reply.Refused:
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

// disputedRules is brokenRules for those that are contradicted.
func disputedRules(disputed []validate.Dispute) []string {
	names := make([]string, len(disputed))
	for i, d := range disputed {
		names[i] = d.Row + " " + d.Rule
	}
	return names
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
}
