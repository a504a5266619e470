package handover

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/farewell"
)

// answered returns what the server's response says about the connection.
func answered(server *caddyhttp.Server, meanwhile func()) string {
	recorder := httptest.NewRecorder()
	r := caddyhttp.PrepareRequest(httptest.NewRequest(http.MethodGet, "/", nil), caddy.NewReplacer(), recorder, server)
	w := farewell.Announce(recorder, r)
	meanwhile()
	w.WriteHeader(http.StatusOK)
	return recorder.Header().Get("Connection")
}

// A server whose socket another config has taken over announces it, and no other server does.
// What counts is when the response begins, not when the request arrived.
func TestReplacedServerAnnouncesItsEnd(t *testing.T) {
	replaced, current := new(caddyhttp.Server), new(caddyhttp.Server)
	first := process.begin(t.Context(), waiting{connections: make(chan net.Conn)}, "test", replaced)
	defer first.Close()
	nothing := func() {}
	assert.Empty(t, answered(replaced, nothing), "not yet")

	assert.Equal(t, "close", answered(replaced, func() {
		second := first.socket.add(t.Context(), current)
		t.Cleanup(func() { second.Close() })
	}))
	assert.Equal(t, "close", answered(replaced, nothing))
	assert.Empty(t, answered(current, nothing))
	assert.Empty(t, answered(new(caddyhttp.Server), nothing), "of another network")
	assert.Empty(t, answered(nil, nothing), "no server, as in tests")
}
