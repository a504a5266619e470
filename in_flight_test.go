package payermax

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
)

// separate gives the test its own count of calls in flight.
func separate(t *testing.T) {
	t.Helper()
	before := inflight.Process
	t.Cleanup(func() { inflight.Process = before })
	inflight.Process = inflight.New()
}

// Requests beyond the bound are refused without being read or signed. As soon as one is
// answered, there is room again.
func TestMaxInFlight(t *testing.T) {
	separate(t)
	h := newHandler(t, func(h *Handler) { h.MaxInFlight = 3 })
	take(t, 3)
	r := post(sessionBody)
	r.Body = io.NopCloser(unread{t})
	var w *httptest.ResponseRecorder
	increased := increase(t, func() { w = serve(t, h, r, testcaddy.Unreachable(t)) })
	assert.Equal(t, map[string]float64{
		"limit_refusals_total{in_flight}":                                1,
		"requests_total{applyDropinSession,http_request_denied,refused}": 1,
		"request_duration_seconds{applyDropinSession}":                   1,
	}, increased)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	f := refusalOf(t, w)
	assert.Equal(t, "SYSTEM_ERROR", f.Code)
	assert.Contains(t, f.Msg, "max_in_flight")

	inflight.Process.Leave()
	assert.Equal(t, http.StatusOK, serve(t, h, post(sessionBody), answering(t)).Code)
	assert.EqualValues(t, 2, inflight.Process.Taken())
}

// take takes places as calls do.
func take(t *testing.T, count int) {
	t.Helper()
	for range count {
		require.True(t, inflight.Process.Enter(count))
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// However a call ends, it gives its place back.
func TestPlacesComeBack(t *testing.T) {
	separate(t)
	h := newHandler(t, func(h *Handler) { h.MaxInFlight = 1 })
	for name, next := range map[string]func(http.ResponseWriter, *http.Request) error{
		"answered":   answering(t),
		"unanswered": func(http.ResponseWriter, *http.Request) error { return io.EOF },
		"aborted":    func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) },
		"panic":      func(http.ResponseWriter, *http.Request) error { panic("bug") },
	} {
		t.Run(name, func(t *testing.T) {
			func() {
				defer func() { _ = recover() }()
				serve(t, h, post(sessionBody), next)
			}()
			assert.Zero(t, inflight.Process.Taken())
			serve(t, h, post("nonsense"), testcaddy.Unreachable(t))
			assert.Zero(t, inflight.Process.Taken())
		})
	}
}

// The reported bound is the smallest of those in use.
func TestBound(t *testing.T) {
	separate(t)
	assert.Equal(t, inflight.DefaultBound(), inflight.Process.Bound())
	first := newHandler(t, func(h *Handler) { h.MaxInFlight = 30 })
	assert.Equal(t, 30, inflight.Process.Bound())
	second := newHandler(t, func(h *Handler) { h.MaxInFlight = 7 })
	assert.Equal(t, 7, inflight.Process.Bound())
	require.NoError(t, second.Cleanup())
	assert.Equal(t, 30, inflight.Process.Bound())
	require.NoError(t, first.Cleanup())
	assert.Equal(t, inflight.DefaultBound(), inflight.Process.Bound())
}

// The memory that is allocated for a body is proportional to the part of it that has
// arrived.
func TestReadAll(t *testing.T) {
	for _, size := range []int{0, 1, firstPiece - 1, firstPiece, firstPiece + 1, 64 << 10, 1<<20 + 7} {
		text := strings.Repeat("x", size)
		for name, r := range map[string]io.Reader{"at once": strings.NewReader(text), "in pieces": pieces{strings.NewReader(text)}} {
			body, err := readAll(r, int64(size))
			require.NoError(t, err, name)
			assert.Equal(t, text, string(body), name)
			_, err = readAll(strings.NewReader(text), int64(size)+1)
			assert.Error(t, err, name)
		}
	}
	stalled := &counting{Reader: strings.NewReader("{"), most: 2 * firstPiece, t: t}
	_, err := readAll(stalled, 1<<40)
	assert.Error(t, err)
}

// pieces returns at most seven bytes per read.
type pieces struct{ io.Reader }

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), 7)]) }

// counting fails if it is asked to read into more room than is allowed.
type counting struct {
	io.Reader
	most int
	t    *testing.T
}

func (c *counting) Read(b []byte) (int, error) {
	assert.LessOrEqual(c.t, len(b), c.most)
	return c.Reader.Read(b)
}

// A request whose body does not arrive ends with the call's timeout, and then frees its
// place.
func TestBodyCountsIntoTimeout(t *testing.T) {
	separate(t)
	h := newHandler(t, func(h *Handler) { h.Timeout = caddy.Duration(200 * time.Millisecond) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, h.ServeHTTP(w, caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil), testcaddy.Unreachable(t)))
	}))
	defer server.Close()

	arriving, stall := io.Pipe()
	defer stall.Close()
	r, err := http.NewRequest(http.MethodPost, server.URL+sessionPath, io.MultiReader(strings.NewReader(`{"data":`), arriving))
	require.NoError(t, err)
	r.ContentLength = 100
	r.Header.Set("Content-Type", "application/json")
	began := time.Now()
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusBadRequest, answer.StatusCode)
	assert.True(t, answer.Close)
	assert.Less(t, time.Since(began), 10*time.Second)
	assert.Eventually(t, func() bool { return inflight.Process.Taken() == 0 }, 30*time.Second, time.Millisecond)
}

// Numbers that cannot bound anything are refused when the config is loaded.
func TestBoundsMustBePositive(t *testing.T) {
	for want, h := range map[string]*Handler{
		"max_in_flight must be positive, but is -1":              {MaxInFlight: -1},
		"max_wait must be a duration from 1ms to 1h, but is -1s": {MaxWait: caddy.Duration(-time.Second)},
	} {
		h.Merchant = Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey()))}
		assert.ErrorContains(t, testcaddy.Provision(t, h), want)
	}
}

// Large answers that pile up are dropped before memory runs out, and their places become
// free again.
func TestLargeAnswersAreBounded(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.MaxInFlight = 40 }) // 20 places, for an answer of at most 16
	body := `{"code":"APPLY_SUCCESS","msg":"` + strings.Repeat("x", 15*reply.AnswerStep) + `","data":{}}`
	answering, full := make(chan struct{}), make(chan struct{})
	large := func(w http.ResponseWriter, r *http.Request) error {
		close(answering)
		_, err := io.WriteString(w, body)
		<-full
		return err
	}
	first := make(chan int)
	go func() { first <- serve(t, h, post(sessionBody), large).Code }()
	<-answering
	require.Eventually(t, func() bool { return inflight.Large.Taken() == 15 }, 30*time.Second, time.Millisecond)

	w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, body)
		return err
	})
	assert.Equal(t, http.StatusBadGateway, w.Code)
	assert.Contains(t, w.Header().Get("Proxy-Status"), "error=http_response_body_size")
	close(full)
	assert.Equal(t, http.StatusOK, <-first)
	assert.Zero(t, inflight.Large.Taken())
}
