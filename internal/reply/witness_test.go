package reply

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// taken is a response whose connection can be taken over.
type taken struct{ *httptest.ResponseRecorder }

func (taken) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

// A connection that was taken over is an answer: nobody may write another one to it.
func TestWitnessOfAHijack(t *testing.T) {
	w := NewWitness(taken{httptest.NewRecorder()})
	_, _, err := w.Hijack()
	require.NoError(t, err)
	assert.Equal(t, http.StatusSwitchingProtocols, w.Status())
}

// Whatever a handler does with its ResponseWriter, it is known whether there was a
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
