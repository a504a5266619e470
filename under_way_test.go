package payermax

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// endable gives the test its own set of calls under way, which it can end without ending
// the process.
func endable(t *testing.T) *underWay {
	t.Helper()
	before := callsUnderWay
	t.Cleanup(func() { callsUnderWay = before })
	callsUnderWay = &underWay{calls: make(map[*call]*Handler)}
	return callsUnderWay
}

// callLines makes the handler log to the test, and returns a function that returns the
// log lines of calls.
func callLines(h *Handler) func() []map[string]any {
	logs := logged(h)
	return func() []map[string]any {
		var lines []map[string]any
		for _, entry := range logs.FilterMessage("call").All() {
			lines = append(lines, entry.ContextMap())
		}
		return lines
	}
}

// A next handler that ignores its context cannot keep a signed call out of the log. When
// it returns after all, there is no second line.
func TestEndOfAStubbornCall(t *testing.T) {
	h, all := newHandler(t), endable(t)
	lines := callLines(h)
	arrived, release := make(chan struct{}), make(chan struct{})
	var answered sync.WaitGroup
	answered.Go(func() {
		w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
			close(arrived)
			<-release
			return answering(t)(w, r)
		})
		assert.Equal(t, http.StatusOK, w.Code, "the application may as well know")
	})
	<-arrived
	began := time.Now()
	all.end()
	assert.Less(t, time.Since(began), 10*givingUp)
	require.Len(t, lines(), 1)
	close(release)
	answered.Wait()
	all.end()

	require.Len(t, lines(), 1)
	line := lines()[0]
	assert.Equal(t, "unknown", line["payermax.outcome"])
	assert.Equal(t, "connection_terminated", line["error"])
	assert.Equal(t, protocol.SessionEndpoint, line["payermax.endpoint"])
	assert.Equal(t, "app", line["app_id"])
	for _, field := range []string{"request_id", "body_sha256", "request_time", "fingerprint", "upstream_duration"} {
		assert.NotEmpty(t, line[field], field)
	}
	assert.EqualValues(t, 1, line["attempts"])
}

// Whenever the process ends, each call has one log line, and calls that come too late are
// not sent.
func TestEndAtAnyMoment(t *testing.T) {
	h, all := newHandler(t), endable(t)
	lines := callLines(h)
	const calls = 100
	var sent sync.Map
	var answered sync.WaitGroup
	ended := make(chan struct{})
	for i := range calls {
		answered.Go(func() {
			if i == calls-1 {
				<-ended // so that one call is too late, whichever goroutine runs first
			}
			w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
				sent.Store(i, true)
				time.Sleep(time.Duration(i%7) * time.Millisecond) // so that they end at different times
				return answering(t)(w, r)
			})
			if _, ok := sent.Load(i); !ok {
				assert.Equal(t, http.StatusServiceUnavailable, w.Code)
				assert.Contains(t, refusalOf(t, w).Msg, "nothing was sent")
			}
		})
		if i == calls/2 {
			answered.Go(func() { all.end(); close(ended) })
		}
	}
	answered.Wait()
	byOutcome := make(map[any]int)
	ids := make(map[any]bool)
	for _, line := range lines() {
		byOutcome[line["payermax.outcome"]]++
		ids[line["request_id"]] = true
	}
	t.Log(byOutcome)
	assert.Len(t, lines(), calls)
	assert.Len(t, ids, calls)
	assert.NotZero(t, byOutcome["not_sent"])
}

// A panic in an inner handler does not keep a call out of the log either.
func TestPanicIsRecorded(t *testing.T) {
	h := newHandler(t)
	lines := callLines(h)
	assert.PanicsWithValue(t, "bug", func() {
		serve(t, h, post(sessionBody), func(http.ResponseWriter, *http.Request) error { panic("bug") })
	})
	require.Len(t, lines(), 1)
	assert.Equal(t, "unknown", lines()[0]["payermax.outcome"])
	assert.Empty(t, callsUnderWay.calls)
}
