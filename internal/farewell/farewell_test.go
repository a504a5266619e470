package farewell

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
)

// included calls Include with a reason that lasts until the end of the test.
func included(t *testing.T, endsSoon func(*caddyhttp.Server) bool) {
	t.Helper()
	before := slices.Clone(endings)
	t.Cleanup(func() { endings = before })
	Include(endsSoon)
}

func TestAnnounce(t *testing.T) {
	ending, serving := new(caddyhttp.Server), new(caddyhttp.Server)
	included(t, func(s *caddyhttp.Server) bool { return s == ending })
	included(t, func(*caddyhttp.Server) bool { return false })

	write := func(w http.ResponseWriter) { _, _ = io.WriteString(w, "body") }
	for name, test := range map[string]struct {
		server       *caddyhttp.Server
		shuttingDown bool
		proto        int
		answer       func(http.ResponseWriter)
		want         string
	}{
		"ends":                    {ending, false, 1, write, "close"},
		"ends, status first":      {ending, false, 1, func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }, "close"},
		"ends, copied":            {ending, false, 1, func(w http.ResponseWriter) { _, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("body")) }, "close"},
		"ends, interim":           {ending, false, 1, func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) }, ""},
		"ends, HTTP/2":            {ending, false, 2, write, "close"},
		"ends, HTTP/3":            {ending, false, 3, write, ""},
		"shuts down":              {serving, true, 1, write, "close"},
		"serves":                  {serving, false, 1, write, ""},
		"no server, as in a test": {nil, true, 1, write, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r, placeholders := request(test.server)
			placeholders.Set("http.shutting_down", test.shuttingDown)
			r.ProtoMajor = test.proto
			test.answer(Announce(w, r))
			assert.Equal(t, test.want, w.Header().Get("Connection"))
		})
	}
}

// The server's state when the answer begins counts, not when the request arrived.
func TestAnnounceLate(t *testing.T) {
	ends := false
	included(t, func(*caddyhttp.Server) bool { return ends })
	recorder := httptest.NewRecorder()
	r, _ := request(new(caddyhttp.Server))
	w := Announce(recorder, r)
	ends = true
	w.WriteHeader(http.StatusOK)
	assert.Equal(t, "close", recorder.Header().Get("Connection"))
}

func TestIsShuttingDown(t *testing.T) {
	r, placeholders := request(new(caddyhttp.Server))
	assert.False(t, IsShuttingDown(r), "the server has not said anything")
	for _, expected := range []bool{true, false} {
		placeholders.Set("http.shutting_down", expected)
		assert.Equal(t, expected, IsShuttingDown(r))
	}
}

// request returns a request that a server received, and its placeholders.
func request(server *caddyhttp.Server) (*http.Request, *caddy.Replacer) {
	placeholders := caddy.NewReplacer()
	return caddyhttp.PrepareRequest(httptest.NewRequest(http.MethodGet, "/", nil), placeholders, nil, server), placeholders
}
