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

// requestTimeOf returns the requestTime of a body.
func requestTimeOf(t *testing.T, body []byte) string {
	var envelope struct{ RequestTime string }
	require.NoError(t, json.Unmarshal(body, &envelope))
	return envelope.RequestTime
}
