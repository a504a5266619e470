package payermax

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// other is the label value for everything without a label value of its own, so that the
// number of series does not depend on what is sent.
const other = "other"

// knownCode returns the label value for the code of an answer: other if PayerMax does not
// document the code.
func knownCode(code string) string {
	if protocol.IsDocumented(code) {
		return code
	}
	return other
}

// metrics are the metrics of calls. There is one set for the process, so that they
// survive a config reload, which creates a new registry.
type metrics struct {
	requests     *prometheus.CounterVec
	duration     *prometheus.HistogramVec
	upstream     *prometheus.HistogramVec
	signing      *prometheus.HistogramVec
	requestBytes *prometheus.CounterVec
	answerBytes  *prometheus.CounterVec
	answers      *prometheus.CounterVec
	codes        *prometheus.CounterVec
	violations   *prometheus.CounterVec
	limits       *prometheus.CounterVec
	shadow       *prometheus.CounterVec
}

var processMetrics = &metrics{
	requests: prom.Counters("requests_total",
		"Requests of applications, by how they ended: answered, unsigned, refused, not_sent, unknown or unverified; and by the error type of RFC 9209 if the sidecar itself answered.",
		"endpoint", "outcome", "error"),
	duration: prom.Histograms("request_duration_seconds",
		"Time from an application's request to its answer.", exchangeBuckets, "endpoint"),
	upstream: prom.Histograms("upstream_duration_seconds",
		"Time of the exchange with the gateway, including failures.", exchangeBuckets, "endpoint"),
	signing: prom.Histograms("sign_duration_seconds",
		"Time to sign a request, by the source of the key, including failures.",
		[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}, "source"),
	requestBytes: prom.Counters("request_body_bytes_total",
		"Size of the signed bodies, in bytes.", "endpoint"),
	answerBytes: prom.Counters("answer_body_bytes_total",
		"Size of the bodies of the gateway's answers, in bytes.", "endpoint"),
	answers: prom.Counters("answers_total",
		"Answers of the gateway, by the result of their verification: verified, unsigned, unchecked or unverified. Unverified answers are withheld.",
		"result"),
	codes: prom.Counters("gateway_codes_total",
		"Answers of the gateway, by their code; other if PayerMax does not document it.",
		"endpoint", "code"),
	violations: prom.Counters("violations_total",
		"Rules that requests broke, by the row of PayerMax's table and by the result: refused, warned, or disputed if another document of PayerMax contradicts the rule and the request was signed.",
		"endpoint", "field", "rule", "action"),
	limits: prom.Counters("limit_refusals_total",
		"Requests that were refused by a limit: endpoint, caller, amount, budget, rate, double if a call with the same number is in progress, store if the store that counts cannot be reached, overload if they could not be signed in time, or in_flight if too many calls were in flight.", "limit"),
	shadow: prom.Counters("shadow_signatures_total",
		"Signatures of applications in shadow mode, by the result of the comparison: agree, disagree, unsigned, or skipped if the sidecar could not sign.",
		"endpoint", "result"),
}

func init() {
	m := processMetrics
	prom.Share(m.requests, m.duration, m.upstream, m.signing, m.requestBytes, m.answerBytes,
		m.answers, m.codes, m.violations, m.limits, m.shadow)
}

// exchangeBuckets, in seconds, suit exchanges that take from a few milliseconds to 30
// seconds, the default timeout.
var exchangeBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// errorLabel returns the label value for the error type of a refusal: a name from RFC
// 9209, other for anything else, or "" if there is no refusal.
func errorLabel(refused *reply.Refusal) string {
	switch {
	case refused == nil:
		return ""
	case !reply.IsProxyError(refused.ProxyError):
		return other
	}
	return refused.ProxyError
}

// likelyErrors are the errors whose series begin at zero, by outcome: those that
// occasionally occur even in a healthy setup.
var likelyErrors = map[reply.Outcome][]string{
	reply.Answered:   {""},
	reply.Unsigned:   {""},
	reply.Refused:    {"http_request_error"},
	reply.NotSent:    {"connection_refused", "connection_timeout", "dns_error", "tls_certificate_error", "proxy_internal_error"},
	reply.Unknown:    {"http_response_timeout", "connection_terminated", "http_response_incomplete", "http_protocol_error"},
	reply.Unverified: {"http_protocol_error"},
}

// likelyCodes are the codes of PayerMax whose series begin at zero: those that alerts
// query.
var likelyCodes = []string{
	protocol.CodeApplySuccess, protocol.CodeSignVerifyFailed, protocol.CodeRequestTimeOver,
	protocol.CodeMerchantAppInvalid, protocol.CodeMerchantInvalid, protocol.CodeOrderNotExist, protocol.CodeTooManyRequest,
	protocol.CodeSystemError, protocol.CodeSystemBusy, protocol.CodeUnexpectedError,
}

// announce makes the series that alerts query begin at zero, so that the first event
// counts as an increase.
func (m *metrics) announce(routes map[string]route) {
	for _, rt := range routes {
		for ended, errors := range likelyErrors {
			for _, proxyError := range errors {
				m.requests.WithLabelValues(rt.Name, string(ended), proxyError)
			}
		}
		for _, code := range likelyCodes {
			m.codes.WithLabelValues(rt.Name, code)
		}
		for _, result := range []string{shadowAgree, shadowDisagree, shadowUnsigned, shadowSkipped} {
			m.shadow.WithLabelValues(rt.Name, result)
		}
	}
	for _, finding := range verdict.Findings {
		m.answers.WithLabelValues(finding.Label())
	}
	notify.Announce()
	for _, limit := range append(slices.Clone(limits.Names), limitOverload, limitInFlight) {
		m.limits.WithLabelValues(limit)
	}
}

// observe adds a duration in seconds, with its trace as the exemplar if the trace is
// sampled.
func observe(span trace.SpanContext, o prometheus.Observer, seconds float64) {
	if withExemplar, ok := o.(prometheus.ExemplarObserver); ok && span.IsSampled() {
		withExemplar.ObserveWithExemplar(seconds, prometheus.Labels{"trace_id": span.TraceID().String()})
		return
	}
	o.Observe(seconds)
}
