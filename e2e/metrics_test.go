package e2e

import (
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counted returns the lines of the metrics that count calls and answers.
func counted(t *testing.T, health string) (lines []string) {
	wanted := regexp.MustCompile(`^caddy_payermax_(requests_total|gateway_codes_total|answers_total|violations_total)\{.* [1-9]\d*$`)
	for line := range strings.Lines(get(t, health+"/metrics")) {
		if line = strings.TrimSpace(line); wanted.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// The counters continue across a reload of the config.
func TestCountersSurviveReload(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s, health := startWithHealth(t, "", setup{gateway: gateway.url(), network: "handover/"})
	requireSuccess(t, s.post(t, validBody()))
	s.post(t, `{"data":{}}`)

	before := counted(t, health)
	assert.Contains(t, before, `caddy_payermax_requests_total{endpoint="applyDropinSession",error="",outcome="answered"} 1`)
	assert.Contains(t, before, `caddy_payermax_requests_total{endpoint="applyDropinSession",error="http_request_error",outcome="refused"} 1`)
	assert.Contains(t, before, `caddy_payermax_gateway_codes_total{code="APPLY_SUCCESS",endpoint="applyDropinSession"} 1`)
	assert.Contains(t, before, `caddy_payermax_answers_total{result="verified"} 1`)
	assert.Contains(t, before, `caddy_payermax_violations_total{action="refused",endpoint="applyDropinSession",field="data.userId",rule="required"} 1`)

	s.Signal(t, syscall.SIGUSR1)
	s.AwaitLine(t, reloaded)
	assert.Equal(t, before, counted(t, health))
	requireSuccess(t, s.post(t, validBody()))
	assert.Contains(t, counted(t, health), `caddy_payermax_requests_total{endpoint="applyDropinSession",error="",outcome="answered"} 2`)
}

// A gateway whose clock differs is reported in the metrics, the health and the log, and followed if
// follow_gateway_clock is on.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{"noticed": "", "followed": "follow_gateway_clock"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := newUpstream(t)
			s, health := startWithHealth(t, "", setup{gateway: gateway.url(), options: options})
			gateway.answers(func(conn net.Conn, r *request) bool {
				ahead := time.Now().Add(100 * time.Second).UTC().Format(http.TimeFormat)
				return answerWith(message("200 OK", success, typeJSON, signField(success), "Date: "+ahead))(conn, r)
			})
			requireSuccess(t, s.post(t, validBody()))
			requireSuccess(t, s.post(t, validBody()))

			s.AwaitLine(t, `"level":"error"`, "PayerMax will refuse calls with REQ_TIME_OVER_TIME")
			// A busy machine takes some seconds for an answer, so the value varies.
			assert.Regexp(t, `caddy_payermax_clock_skew_seconds (9\d|10\d)\b`, get(t, health+"/metrics"))
			assert.Regexp(t, `"clock_skew_seconds":(9\d|10\d)\b`, get(t, health+"/readyz"))
			assert.Contains(t, get(t, health+"/readyz"), `"gateway_last_success":"20`)

			stamped, err := time.Parse(time.RFC3339, readEnvelope(t, gateway.received()[1]).RequestTime)
			require.NoError(t, err)
			want := time.Now()
			if options != "" {
				want = want.Add(100 * time.Second)
			}
			assert.WithinDuration(t, want, stamped, patience)
		})
	}
}
