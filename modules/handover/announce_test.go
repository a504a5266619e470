package handover

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
)

func TestAnnounce(t *testing.T) {
	replaced, current := new(caddyhttp.Server), new(caddyhttp.Server)
	first := process.begin(t.Context(), waiting{connections: make(chan net.Conn)}, "test", replaced)
	second := first.socket.add(t.Context(), current)
	defer first.Close()
	defer second.Close()

	write := func(w http.ResponseWriter) { _, _ = io.WriteString(w, "body") }
	for name, test := range map[string]struct {
		server *caddyhttp.Server
		proto  int
		answer func(http.ResponseWriter)
		want   string
	}{
		"replaced":               {replaced, 1, write, "close"},
		"replaced, status first": {replaced, 1, func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }, "close"},
		"replaced, copied":       {replaced, 1, func(w http.ResponseWriter) { _, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("body")) }, "close"},
		"replaced, interim":      {replaced, 1, func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) }, ""},
		"replaced, HTTP/2":       {replaced, 2, write, "close"},
		"replaced, HTTP/3":       {replaced, 3, write, ""},
		"current":                {current, 1, write, ""},
		"of another network":     {new(caddyhttp.Server), 1, write, ""},
		"no server, as in tests": {nil, 1, write, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.ProtoMajor = test.proto
			w := httptest.NewRecorder()
			r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, test.server)
			test.answer(Announce(w, r))
			assert.Equal(t, test.want, w.Header().Get("Connection"))
		})
	}
}

// What counts is the server when the answer begins, not when the request came.
func TestAnnounceLate(t *testing.T) {
	server := new(caddyhttp.Server)
	first := process.begin(t.Context(), waiting{connections: make(chan net.Conn)}, "test", server)
	defer first.Close()
	recorder := httptest.NewRecorder()
	w := Announce(recorder, caddyhttp.PrepareRequest(httptest.NewRequest(http.MethodGet, "/", nil), caddy.NewReplacer(), recorder, server))
	second := first.socket.add(t.Context(), new(caddyhttp.Server))
	defer second.Close()
	w.WriteHeader(http.StatusOK)
	assert.Equal(t, "close", recorder.Header().Get("Connection"))
}
