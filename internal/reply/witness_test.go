package reply

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// taken is a response whose connection can be hijacked.
type taken struct{ *httptest.ResponseRecorder }

func (taken) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

// A hijacked connection counts as a response: no other may be written to it.
func TestWitnessOfAHijack(t *testing.T) {
	w := NewWitness(taken{httptest.NewRecorder()})
	_, _, err := w.Hijack()
	require.NoError(t, err)
	assert.Equal(t, http.StatusSwitchingProtocols, w.Status())
}

// The handler learns what the response cannot do.
func TestWitnessPassesErrorsOn(t *testing.T) {
	w := http.NewResponseController(NewWitness(struct{ http.ResponseWriter }{httptest.NewRecorder()}))
	assert.ErrorIs(t, w.Flush(), http.ErrNotSupported)
	_, _, err := w.Hijack()
	assert.ErrorIs(t, err, http.ErrNotSupported)
}

// Whatever a handler does with its ResponseWriter, the witness knows whether there was a
// response.
func TestWitness(t *testing.T) {
	for name, test := range map[string]struct {
		does     func(w *Witness)
		status   int
		isSilent bool
	}{
		"nothing":         {func(*Witness) {}, 0, true},
		"a header":        {func(w *Witness) { w.Header().Set("X", "x") }, 0, true},
		"a status":        {func(w *Witness) { w.WriteHeader(http.StatusTeapot) }, http.StatusTeapot, false},
		"two statuses":    {func(w *Witness) { w.WriteHeader(http.StatusAccepted); w.WriteHeader(http.StatusOK) }, http.StatusAccepted, false},
		"an interim one":  {func(w *Witness) { w.WriteHeader(http.StatusEarlyHints) }, 0, false},
		"an upgrade":      {func(w *Witness) { w.WriteHeader(http.StatusSwitchingProtocols) }, http.StatusSwitchingProtocols, false},
		"a body":          {func(w *Witness) { _, _ = w.Write([]byte("x")) }, http.StatusOK, false},
		"a copied body":   {func(w *Witness) { _, _ = w.ReadFrom(strings.NewReader("x")) }, http.StatusOK, false},
		"a flush":         {func(w *Witness) { _ = http.NewResponseController(w).Flush() }, http.StatusOK, false},
		"no real hijack":  {func(w *Witness) { _, _, _ = w.Hijack() }, 0, true},
		"an empty answer": {func(w *Witness) { _, _ = w.Write(nil) }, http.StatusOK, false},
	} {
		recorded := httptest.NewRecorder()
		w := NewWitness(recorded)
		test.does(w)
		if test.status >= http.StatusOK {
			assert.Equal(t, test.status, recorded.Code, "%s is passed on", name)
		}
		assert.Equal(t, test.status, w.Status(), name)
		assert.Equal(t, test.isSilent, w.IsSilent(), name)
	}
}

// If no handler answers, the request gets a 404. An error counts as an answer, which Caddy
// will write.
func TestOrNotFound(t *testing.T) {
	failure := errors.New("broken")
	for name, test := range map[string]struct {
		status int // that the next handler writes, or 0
		err    error
		body   string
	}{
		"nobody answers":       {0, nil, `{"code":"NOT_FOUND","msg":"there is nothing here"}`},
		"somebody answers":     {http.StatusTeapot, nil, ""},
		"it fails":             {0, failure, ""},
		"it answers and fails": {http.StatusTeapot, failure, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			err := OrNotFound(w, httptest.NewRequest(http.MethodGet, "/", nil), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
				if test.status != 0 {
					w.WriteHeader(test.status)
				}
				return test.err
			}))
			assert.Equal(t, test.err, err)
			assert.Equal(t, test.body, strings.TrimSpace(w.Body.String()))
		})
	}
}
