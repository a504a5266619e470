package payermax

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// line is a call's log line. It has enough to find the call at PayerMax and to prove, by
// the digest, what was sent. It has none of the contents.
type line struct {
	*call
	exchange
	ended   reply.Outcome
	given   *reply.Answer  // what the application gets
	refused *reply.Refusal // nil if the answer is the gateway's
}

// MarshalLogObject adds the fields one by one: a slice of fields would be the largest
// allocation of a call.
func (l *line) MarshalLogObject(log zapcore.ObjectEncoder) error {
	log.AddString("request_id", l.id)
	log.AddString("payermax.endpoint", l.route.Name)
	log.AddString("payermax.outcome", string(l.ended))
	log.AddInt("status", l.given.Status)
	log.AddDuration("duration", time.Since(l.received))
	if l.request.merchant != nil {
		log.AddString("app_id", l.request.merchant.identity.AppID)
	}
	if l.sandbox || l.fromSandbox {
		log.AddBool("sandbox", true)
	}
	if l.Signed != nil {
		l.addSigned(log)
	}
	if l.Finding != "" {
		l.addVerdict(log)
	}
	if l.shadow != "" {
		log.AddString("shadow", l.shadow)
	}
	if len(l.request.warned) > 0 {
		zap.Strings("warned", brokenRules(l.request.warned)).AddTo(log)
	}
	if len(l.request.disputed) > 0 {
		zap.Strings("disputed", disputedRules(l.request.disputed)).AddTo(log)
	}
	if l.refused != nil {
		l.addRefusal(log)
	}
	return nil
}

// addSigned adds the fields about the signed request.
func (l *line) addSigned(log zapcore.ObjectEncoder) {
	if l.Signature != "" {
		log.AddInt("body_bytes", len(l.Body))
		log.AddString("body_sha256", digest(l.Body))
		if len(l.others) > 0 {
			zap.Strings("other_body_sha256", digests(l.others)).AddTo(log)
		}
		log.AddDuration("upstream_duration", l.upstream)
	}
	if l.Fingerprint != "" {
		log.AddTime("request_time", l.RequestTime)
		log.AddString("fingerprint", l.Fingerprint)
		log.AddDuration("sign_duration", l.Took)
		log.AddInt("attempts", l.attempts)
	}
}

// addVerdict adds the fields about the gateway's answer.
func (l *line) addVerdict(log zapcore.ObjectEncoder) {
	log.AddString("gateway_code", knownCode(l.Code))
	log.AddString("answer", l.Finding.Label())
	if l.refused == nil {
		log.AddInt("answer_bytes", len(l.given.Body))
		log.AddString("answer_sha256", digest(l.given.Body))
	}
}

// addRefusal adds the reason why the sidecar refused the application.
func (l *line) addRefusal(log zapcore.ObjectEncoder) {
	f := l.refused
	log.AddString("code", f.Code)
	log.AddString("error", f.ProxyError)
	if f.Limit != "" {
		log.AddString("limit", f.Limit)
		log.AddString("setting", f.Setting)
	}
	if f.Received != 0 {
		log.AddInt("received_status", f.Received)
	}
	if len(f.Errors) > 0 {
		zap.Strings("rules", brokenRules(f.Errors)).AddTo(log)
	}
	if f.Cause != nil && f.Outcome != reply.Refused {
		zap.NamedError("cause", f.Cause).AddTo(log)
	}
}

// severity returns the level to log an outcome at. A request that the sidecar refuses is
// the application's mistake, not the operator's; an unsigned refusal may come from
// PayerMax or from anybody.
func (l *line) severity() zapcore.Level {
	switch {
	case l.ended == reply.Unsigned:
		return zapcore.WarnLevel
	case l.ended != reply.Answered && l.ended != reply.Refused:
		return zapcore.ErrorLevel
	case len(l.request.warned) > 0:
		return zapcore.WarnLevel
	default:
		return zapcore.InfoLevel
	}
}

// brokenRules names rules, each after its row in PayerMax's table. Both names come from
// this module, never from the request.
func brokenRules(violations []validate.Violation) []string {
	names := make([]string, len(violations))
	for i, v := range violations {
		names[i] = strings.TrimSpace(v.Row + " " + v.Rule)
	}
	return names
}

// disputedRules is brokenRules for rules that another document of PayerMax contradicts.
func disputedRules(disputed []validate.Dispute) []string {
	names := make([]string, len(disputed))
	for i, d := range disputed {
		names[i] = d.Row + " " + d.Rule
	}
	return names
}

// digests returns the digests of several bodies.
func digests(bodies []*delivery.Signed) []string {
	all := make([]string, len(bodies))
	for i, signed := range bodies {
		all[i] = digest(signed.Body)
	}
	return all
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
}
