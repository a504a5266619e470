package payermax

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// requestTime follows the gateway's clock if that is configured.
func TestFollowGatewayClock(t *testing.T) {
	for follow, want := range map[bool]time.Duration{false: 0, true: 3 * time.Minute} {
		h := newHandler(t, func(h *Handler) { h.FollowGatewayClock = follow })
		now := time.Now()
		h.gateway.ObserveClock(http.Header{"Date": {now.Add(3 * time.Minute).UTC().Format(http.TimeFormat)}}, now, zap.NewNop())
		began := time.Now()
		serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			stamped, err := time.Parse(time.RFC3339, requestTimeOf(t, body))
			require.NoError(t, err)
			// Date has whole seconds. The call was stamped between began and now.
			assert.WithinRange(t, stamped, began.Add(want-time.Second), time.Now().Add(want+time.Second))
			return nil
		})
	}
}

// Without a key to check answers with, an answer that probably comes from an intermediary
// is still withheld, and its clock is not taken for the gateway's.
func TestIntermediariesDoNotSetTheClock(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.Endpoints, h.Validation, h.FollowGatewayClock = []string{"orderAndPay"}, validationOff, true
	})
	for _, test := range []struct {
		code    string
		follows bool
	}{{"GATEWAY_DOWN", false}, {"SYSTEM_ERROR", true}} {
		r := post(sessionBody)
		r.URL.Path = protocol.PathPrefix + "orderAndPay"
		serve(t, h, r, func(w http.ResponseWriter, r *http.Request) error {
			now := time.Now()
			w.Header().Set("Date", now.Add(10*time.Minute).UTC().Format(http.TimeFormat))
			httptrace.ContextClientTrace(r.Context()).GotFirstResponseByte()
			_, err := io.WriteString(w, `{"code":"`+test.code+`"}`)
			return err
		})
		assert.Equal(t, test.follows, h.gateway.Now().After(time.Now().Add(time.Minute)), test.code)
	}
}

// requestTimeOf returns the requestTime of a body.
func requestTimeOf(t *testing.T, body []byte) string {
	var envelope struct{ RequestTime string }
	require.NoError(t, json.Unmarshal(body, &envelope))
	return envelope.RequestTime
}
