package payermax

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// record sets the placeholders and writes the one log line of the call. It says
// which rules a request broke, but nothing that stood in it.
func (h *Handler) record(r *http.Request, c *call, a *answer, refused *refusal) {
	ended := outcomeAnswered
	if refused != nil {
		ended = refused.outcome
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("payermax.endpoint", c.route.name)
		repl.Set("payermax.outcome", string(ended))
	}
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.String("payermax.endpoint", c.route.name))
		extra.Set(zap.String("payermax.outcome", string(ended)))
	}

	entry := h.logger.Check(severity(ended), "call")
	if entry == nil {
		return
	}
	fields := []zap.Field{
		zap.String("payermax.endpoint", c.route.name),
		zap.String("payermax.outcome", string(ended)),
		zap.Int("status", a.status),
		zap.Duration("duration", time.Since(c.received)),
	}
	if refused != nil {
		fields = append(fields,
			zap.String("code", refused.Code),
			zap.String("error", refused.proxyError),
			zap.Strings("rules", refused.rules()),
		)
	}
	entry.Write(fields...)
}

// severity is the level to log an outcome at. A request that the sidecar
// refuses is the application's mistake, not the operator's.
func severity(o outcome) zapcore.Level {
	switch o {
	case outcomeAnswered, outcomeRefused:
		return zapcore.InfoLevel
	default:
		return zapcore.ErrorLevel
	}
}

// rules returns the names of the rules that the request broke.
func (f *refusal) rules() []string {
	rules := make([]string, len(f.Errors))
	for i, violation := range f.Errors {
		rules[i] = violation.Rule
	}
	return rules
}
