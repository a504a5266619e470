package payermax

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// metricsOf returns what the collectors expose, by name and labels. The value of a
// histogram is its count.
func metricsOf(t *testing.T, collectors ...prometheus.Collector) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	for _, family := range testtool.Gathered(t, collectors...) {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, label := range m.GetLabel() {
				labels = append(labels, label.GetValue())
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			values[name] = testtool.ValueOf(m)
		}
	}
	return values
}

// increase returns which of the process's metrics a function increases, and by how much.
// It leaves out those that only measure time.
func increase(t *testing.T, during func()) map[string]float64 {
	t.Helper()
	before := metricsOf(t, prom.Collectors()...)
	during()
	increased := make(map[string]float64)
	for name, value := range metricsOf(t, prom.Collectors()...) {
		name = strings.TrimPrefix(name, "caddy_payermax_")
		if difference := value - before["caddy_payermax_"+name]; difference != 0 && !strings.HasPrefix(name, "key_") && !strings.HasPrefix(name, "signing_engine_info") && !strings.Contains(name, "timestamp") {
			increased[name] = difference
		}
	}
	return increased
}

// Each call increases the metrics that it belongs to, and no others.
func TestCallsAreCounted(t *testing.T) {
	h := newHandler(t)
	warning := newHandler(t, func(h *Handler) { h.Validation = validationWarn })
	limited := newHandler(t, func(h *Handler) { h.Limits = &limits.Limits{Quota: limits.Quota{Rate: .001}} })
	serve(t, limited, post(sessionBody), answering(t))
	capped := newHandler(t, func(h *Handler) {
		h.Limits = &limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "1"}}}
	})
	unsigned := newHandler(t)
	setKey(unsigned, failingKey{merchantKey(), errors.New("broken")})
	const answer = `{"code":"SIGN_VERIFY_FAILED","msg":"The signature verify failed."}`

	for _, test := range []struct {
		name string
		h    *Handler
		body string
		path string
		next func(http.ResponseWriter, *http.Request) error
		want map[string]float64
	}{
		{
			"answered", h, sessionBody, sessionPath, func(w http.ResponseWriter, r *http.Request) error {
				_, err := io.WriteString(w, answer)
				return err
			}, map[string]float64{
				"requests_total{applyDropinSession,,answered}":               1,
				"request_duration_seconds{applyDropinSession}":               1,
				"upstream_duration_seconds{applyDropinSession}":              1,
				"sign_duration_seconds{file}":                                1,
				"request_body_bytes_total{applyDropinSession}":               173,
				"answer_body_bytes_total{applyDropinSession}":                float64(len(answer)),
				"answers_total{unchecked}":                                   1,
				"gateway_codes_total{SIGN_VERIFY_FAILED,applyDropinSession}": 1,
			},
		},
		{
			"a code that nobody knows", h, sessionBody, sessionPath, func(w http.ResponseWriter, r *http.Request) error {
				_, err := io.WriteString(w, `{"code":"ALICE@EXAMPLE.COM"}`)
				return err
			}, map[string]float64{
				"requests_total{applyDropinSession,,answered}":  1,
				"request_duration_seconds{applyDropinSession}":  1,
				"upstream_duration_seconds{applyDropinSession}": 1,
				"sign_duration_seconds{file}":                   1,
				"request_body_bytes_total{applyDropinSession}":  173,
				"answer_body_bytes_total{applyDropinSession}":   28,
				"answers_total{unchecked}":                      1,
				"gateway_codes_total{other,applyDropinSession}": 1,
			},
		},
		{
			"refused", h, `{"data":{"totalAmount":1,"currency":"IDR","country":"ID","CANARY":1,"userId":""}}`, sessionPath, testcaddy.Unreachable(t), map[string]float64{
				"requests_total{applyDropinSession,http_request_error,refused}":     1,
				"request_duration_seconds{applyDropinSession}":                      1,
				"violations_total{refused,applyDropinSession,data.userId,required}": 1,
			},
		},
		{
			"disputed", h, strings.Replace(sessionBody, `10000`, `"10000"`, 1), sessionPath, answering(t), map[string]float64{
				"requests_total{applyDropinSession,,answered}":                        1,
				"request_duration_seconds{applyDropinSession}":                        1,
				"upstream_duration_seconds{applyDropinSession}":                       1,
				"sign_duration_seconds{file}":                                         1,
				"request_body_bytes_total{applyDropinSession}":                        175,
				"answer_body_bytes_total{applyDropinSession}":                         24,
				"answers_total{unchecked}":                                            1,
				"gateway_codes_total{APPLY_SUCCESS,applyDropinSession}":               1,
				"violations_total{disputed,applyDropinSession,data.totalAmount,type}": 1,
			},
		},
		{
			"warned", warning, strings.Replace(sessionBody, `"ID"`, `"id"`, 1), sessionPath, answering(t), map[string]float64{
				"requests_total{applyDropinSession,,answered}":                     1,
				"request_duration_seconds{applyDropinSession}":                     1,
				"upstream_duration_seconds{applyDropinSession}":                    1,
				"sign_duration_seconds{file}":                                      1,
				"request_body_bytes_total{applyDropinSession}":                     173,
				"answer_body_bytes_total{applyDropinSession}":                      24,
				"answers_total{unchecked}":                                         1,
				"gateway_codes_total{APPLY_SUCCESS,applyDropinSession}":            1,
				"violations_total{warned,applyDropinSession,data.country,pattern}": 1,
			},
		},
		{
			"limited", limited, sessionBody, sessionPath, testcaddy.Unreachable(t), map[string]float64{
				"requests_total{applyDropinSession,http_request_denied,refused}": 1,
				"request_duration_seconds{applyDropinSession}":                   1,
				"limit_refusals_total{rate}":                                     1,
			},
		},
		{
			"limited, and the field is named", capped, sessionBody, sessionPath, testcaddy.Unreachable(t), map[string]float64{
				"requests_total{applyDropinSession,http_request_denied,refused}": 1,
				"request_duration_seconds{applyDropinSession}":                   1,
				"limit_refusals_total{amount}":                                   1,
			},
		},
		{
			"not signed", unsigned, sessionBody, sessionPath, testcaddy.Unreachable(t), map[string]float64{
				"requests_total{applyDropinSession,proxy_internal_error,not_sent}": 1,
				"request_duration_seconds{applyDropinSession}":                     1,
				"sign_duration_seconds{file}":                                      1,
			},
		},
		{
			"not enabled", h, sessionBody, protocol.PathPrefix + "refund", testcaddy.Unreachable(t), map[string]float64{
				"requests_total{other,http_request_denied,refused}": 1,
				"request_duration_seconds{other}":                   1,
				"limit_refusals_total{endpoint}":                    1,
			},
		},
		{
			"not answered", h, sessionBody, sessionPath, func(http.ResponseWriter, *http.Request) error { return errors.New("reset") }, map[string]float64{
				"requests_total{applyDropinSession,destination_unavailable,unknown}": 1,
				"request_duration_seconds{applyDropinSession}":                       1,
				"upstream_duration_seconds{applyDropinSession}":                      1,
				"sign_duration_seconds{file}":                                        1,
				"request_body_bytes_total{applyDropinSession}":                       173,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := increase(t, func() {
				r := post(test.body)
				r.URL.Path = test.path
				serve(t, test.h, r, test.next)
			})
			assert.Equal(t, test.want, got)
		})
	}
}

// The number of series does not depend on what applications send.
func TestSeriesAreBounded(t *testing.T) {
	h := newHandler(t)
	h.logger = zap.NewNop()
	count := func() int { return len(metricsOf(t, prom.Collectors()...)) }
	sendPath := func(i int) {
		r := post(sessionBody)
		r.URL.Path = fmt.Sprintf("%spath%d", protocol.PathPrefix, i)
		serve(t, h, r, testcaddy.Unreachable(t))
	}
	send := func(i int) {
		serve(t, h, post(fmt.Sprintf(`{"data":{"user_id%d":1,"USERID":%d,"userId":1,"m%d":1}}`, i, i, i)), testcaddy.Unreachable(t))
		serve(t, h, post(sessionBody), func(w http.ResponseWriter, _ *http.Request) error {
			_, err := fmt.Fprintf(w, `{"code":"CODE%d"}`, i)
			return err
		})
	}
	sendPath(0)
	send(0)
	before := count()
	for i := range 10000 {
		sendPath(i)
	}
	for i := range 300 {
		send(i)
	}
	assert.Equal(t, before, count())
}

// The number of series does not depend on what has failed: errors have only the names of
// RFC 9209.
func TestErrorsAreBounded(t *testing.T) {
	for _, name := range writtenIn(t, proxyErrorWritten, refusing...) {
		assert.True(t, reply.IsProxyError(name), "RFC 9209 has no error type %s", name)
	}
	assert.Equal(t, other, errorLabel(&reply.Refusal{ProxyError: "an error that somebody makes up"}))
	assert.Equal(t, "dns_error", errorLabel(&reply.Refusal{ProxyError: "dns_error"}))
	assert.Empty(t, errorLabel(nil))
	for ended, names := range likelyErrors {
		for _, name := range names {
			assert.True(t, name == "" || reply.IsProxyError(name), ended)
		}
	}
}

// A sidecar that only verifies notifications has all metrics, too. For example, it
// reports 0 for the sandbox.
func TestNotifyAloneHasAllMetrics(t *testing.T) {
	ctx := testcaddy.Context(t)
	n := &notify.Handler{GatewayPublicKeys: []string{writePublicKey(t, &gatewayKey().PublicKey)}}
	require.NoError(t, n.Provision(ctx))
	t.Cleanup(func() { require.NoError(t, n.Cleanup()) })
	for _, collector := range prom.Collectors() {
		assert.True(t, ctx.GetMetricsRegistry().Unregister(collector))
	}
}
