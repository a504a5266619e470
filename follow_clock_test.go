package payermax

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// requestTime follows the gateway's clock if it is told to.
func TestFollowGatewayClock(t *testing.T) {
	for follow, want := range map[bool]time.Duration{false: 0, true: 3 * time.Minute} {
		h := newHandler(t, func(h *Handler) { h.FollowGatewayClock = follow })
		now := time.Now()
		h.gateway.ObserveClock(http.Header{"Date": {now.Add(3 * time.Minute).UTC().Format(http.TimeFormat)}}, now, zap.NewNop())
		serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			stamped, err := time.Parse(time.RFC3339, requestTimeOf(t, body))
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now().Add(want), stamped, time.Second)
			return nil
		})
	}
}

// A sidecar that checks no answers has no clock to follow, and says so.
func TestFollowGatewayClockNeedsItsKey(t *testing.T) {
	const words = "follow_gateway_clock has no effect without gateway_public_key"
	for _, verifies := range []bool{false, true} {
		h := newHandler(t, func(h *Handler) {
			h.FollowGatewayClock = true
			if verifies {
				verifying(t)(h)
			}
		})
		core, logs := observer.New(zapcore.WarnLevel)
		h.logger = zap.New(core)
		h.use(t.Context(), h.merchants.only)
		assert.Equal(t, !verifies, logs.FilterMessageSnippet(words).Len() == 1)
	}
}

// requestTimeOf returns the requestTime of a body.
func requestTimeOf(t *testing.T, body []byte) string {
	var envelope struct{ RequestTime string }
	require.NoError(t, json.Unmarshal(body, &envelope))
	return envelope.RequestTime
}
