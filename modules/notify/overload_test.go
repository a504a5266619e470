package notify

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
)

// Notifications count towards the requests in flight.
func TestNotificationsInFlight(t *testing.T) {
	before := inflight.Process
	t.Cleanup(func() { inflight.Process = before })
	inflight.Process = inflight.New()
	for range inflight.DefaultBound() {
		require.True(t, inflight.Process.Enter(inflight.DefaultBound()))
	}

	n := newHandler(t)
	all := totals(t)
	w := deliver(t, n, post("{}"), testcaddy.Unreachable(t))
	all[overload]++
	assert.Equal(t, all, totals(t))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	assert.Equal(t, "close", w.Header().Get("Connection"), "the body is not read")
	kept := deadlined{httptest.NewRecorder()}
	require.NoError(t, n.ServeHTTP(kept, post("{}"), testcaddy.Unreachable(t)))
	assert.Empty(t, kept.Header().Get("Connection"), "the body is read")
	all[overload]++
	assert.Equal(t, all, totals(t))
	assert.True(t, strings.HasPrefix(w.Header().Get("Proxy-Status"), "caddy-payermax; error="), w.Header().Get("Proxy-Status"))
	var refused struct{ Code string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &refused))
	assert.Equal(t, "NOTIFICATION_REFUSED", refused.Code)

	inflight.Process.Leave()
	w = deliver(t, n, post("{}"), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusForbidden, w.Code)
}

// deadlined is a response that allows a deadline for reading its request.
type deadlined struct{ *httptest.ResponseRecorder }

func (deadlined) SetReadDeadline(time.Time) error { return nil }

// largeBound is how many steps fit into the memory limit of the process.
const largeBound = 10_000 / 2

// withRoom leaves room for this many steps until the end of the test.
func withRoom(t *testing.T, steps int) {
	t.Helper()
	require.Equal(t, 2*largeBound, inflight.DefaultBound(), "without GOMEMLIMIT")
	before := inflight.Large
	t.Cleanup(func() { inflight.Large = before })
	inflight.Large = inflight.New()
	for range largeBound - steps {
		require.True(t, inflight.Large.Enter(largeBound))
	}
}

// The memory that a notification and the application's answer hold beyond their first steps
// is bounded and released, whether the application or the sidecar acknowledges. Without room,
// PayerMax is told to deliver again.
func TestLargeNotificationsAreBounded(t *testing.T) {
	large := `{"code":"SUCCESS","msg":"` + strings.Repeat("x", 2*reply.AnswerStep) + `"}`
	answer := func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, large)
		return nil
	}
	proxied := func(w http.ResponseWriter, _ *http.Request) error {
		if _, err := io.WriteString(w, large); err != nil {
			panic(http.ErrAbortHandler) // as a reverse proxy does
		}
		return nil
	}
	notification := strings.Replace(paymentNotification, `"msg":""`, `"msg":"`+strings.Repeat("x", 2*reply.AnswerStep)+`"`, 1)
	for name, test := range map[string]struct {
		option      func(*Handler)
		body        string
		application caddyhttp.HandlerFunc
		steps       int // that it takes
		result      string
	}{
		"ack after":                 {ackAfterwards, paymentNotification, answer, 2, "not_accepted"},
		"ack after, proxied":        {ackAfterwards, paymentNotification, proxied, 2, "not_accepted"},
		"duplicates":                {guarded, paymentNotification, answer, 2, "not_accepted"},
		"duplicates, proxied":       {guarded, paymentNotification, proxied, 2, "not_accepted"},
		"a large notification":      {func(*Handler) {}, notification, saying(acknowledgement), 2, "overload"},
		"both, and the answer more": {ackAfterwards, notification, proxied, 4, "not_accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			withRoom(t, test.steps-1)
			n, all := newHandler(t, test.option), totals(t)
			w := deliver(t, n, notify(t, test.body), test.application)
			all[test.result]++
			assert.Equal(t, all, totals(t))
			assert.Equal(t, http.StatusServiceUnavailable, w.Code)
			assert.NotContains(t, w.Body.String(), "xxx")
			assert.Equal(t, largeBound-test.steps+1, inflight.Large.Taken(), "they come back")

			withRoom(t, test.steps)
			w = deliver(t, n, notify(t, test.body), test.application)
			all["passed"]++
			assert.Equal(t, all, totals(t))
			assert.Equal(t, http.StatusOK, w.Code)
			assert.Equal(t, largeBound-test.steps, inflight.Large.Taken(), "they come back")
		})
	}
}

// A notification that fits into one step needs no extra memory.
func TestNotificationOfOneStep(t *testing.T) {
	withRoom(t, 0)
	n := newHandler(t)
	for size, status := range map[int]int{reply.AnswerStep: http.StatusOK, reply.AnswerStep + 1: http.StatusServiceUnavailable} {
		body := paymentNotification + strings.Repeat(" ", size-len(paymentNotification))
		assert.Equal(t, status, deliver(t, n, notify(t, body), saying(acknowledgement)).Code, size)
	}
}

// An answer that breaks off does not accept the notification, whatever its status.
func TestCutAnswerIsNotAccepted(t *testing.T) {
	for name, option := range map[string]func(*Handler){"ack after": ackAfterwards, "duplicates": guarded} {
		n, all := newHandler(t, option), totals(t)
		w := deliver(t, n, notify(t, paymentNotification), func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = io.WriteString(w, acknowledgement)
			panic(http.ErrAbortHandler)
		})
		all["not_accepted"]++
		assert.Equal(t, all, totals(t), name)
		assert.Equal(t, http.StatusServiceUnavailable, w.Code, name)
		assert.Contains(t, w.Body.String(), "NOTIFICATION_NOT_ACCEPTED", name)
		assert.PanicsWithValue(t, "bug", func() {
			deliver(t, n, notify(t, paymentNotification), func(http.ResponseWriter, *http.Request) error { panic("bug") })
		}, name)

		deliveries := 0
		w = deliver(t, n, notify(t, paymentNotification), accepting(&deliveries))
		assert.Equal(t, http.StatusOK, w.Code, name)
		assert.Equal(t, 1, deliveries, "%s: neither counts as an acceptance", name)
	}
}

// totals returns how many notifications have had each result so far.
func totals(t *testing.T) map[string]float64 {
	all := make(map[string]float64)
	for _, result := range results {
		all[result] = counted(t, result)
	}
	return all
}
