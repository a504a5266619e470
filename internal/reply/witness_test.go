package reply

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

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
		w := NewWitness(httptest.NewRecorder())
		test.does(w)
		assert.Equal(t, test.status, w.Status(), name)
		assert.Equal(t, test.isSilent, w.IsSilent(), name)
	}
}
