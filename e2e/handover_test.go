package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// listening describes how a sidecar listens, and how its clients connect.
type listening struct {
	plainTCP bool   // instead of handover
	globals  string // additional global options
	servers  string // the options of all servers
	tls      bool
	greeting string // what a client sends before anything else
	newEach  bool   // a new connection for each call
	http2    bool
}

// With the network handover, applications do not notice a reload under load, whether their
// connections are new or kept, and whatever lies between the socket and the server: TLS, a listener
// wrapper, or the wrappers by which Caddy tells protocols apart. On plain TCP, net/http and Linux
// close connections unserved: idle ones, and those on which no request has been read yet. In both
// cases, each call that was begun is answered, and none reaches the gateway twice.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	const proxied = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n"
	for name, how := range map[string]listening{
		"plain TCP, new connections": {plainTCP: true, newEach: true},
		"new connections":            {newEach: true},
		"kept connections":           {},
		"a shutdown delay":           {globals: "shutdown_delay 1s"},
		"HTTP/1 alone":               {servers: "protocols h1"},
		"HTTP/1 and HTTP/2":          {servers: "protocols h1 h2"},
		"HTTP/2 without TLS, too":    {servers: "protocols h1 h2c"},
		"PROXY protocol":             {servers: "listener_wrappers {\nproxy_protocol {\nallow 127.0.0.0/8\n}\n}", greeting: proxied},
		"TLS":                        {tls: true},
		"TLS, new connections":       {tls: true, newEach: true},
		"TLS, HTTP/1 alone":          {tls: true, servers: "protocols h1"},
		"TLS, PROXY protocol":        {tls: true, servers: "listener_wrappers {\nproxy_protocol {\nallow 127.0.0.0/8\n}\ntls\n}", greeting: proxied},
		"TLS, HTTP/2":                {tls: true, http2: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if how.tls && hasRaceDetector() {
				t.Skip("Caddy v2.11.9 has a race of its own between the start of its TLS app and a handshake (caddytls.TLS.Start, and TLS.CaddyModule through the events app)")
			}
			gateway, ca := newUpstream(t), newAuthority(t)
			s := startListening(t, how, ca, payermaxBlock(t, setup{gateway: gateway.url()}))

			traffic := startTraffic(t, s.addr, how, ca)
			for i := range 5 {
				traffic.awaitAnswers(t, 20)
				s.Signal(t, syscall.SIGUSR1)
				s.AwaitLines(t, i+1, reloaded)
			}
			traffic.awaitAnswers(t, 20)
			traffic.stop()

			t.Logf("%d answered, %d connections closed unserved", traffic.answered.Load(), traffic.closed.Load())
			assert.EqualValues(t, traffic.answered.Load(), len(gateway.received()), "each call once")
			if !how.plainTCP {
				assert.Zero(t, traffic.closed.Load(), "connections closed unserved")
			}
			s.awaitCalls(t, len(gateway.received()), "answered")
		})
	}
}

// If a new config cannot start, the old one keeps serving its clients on their existing
// connections.
func TestReloadFails(t *testing.T) {
	t.Parallel()
	gateway, ca := newUpstream(t), newAuthority(t)
	s := startListening(t, listening{}, ca, payermaxBlock(t, setup{gateway: gateway.url()}))
	kept := s.dial(t)
	requireSuccess(t, kept.send(t, post(validBody())))

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	config, err := os.ReadFile(s.config)
	require.NoError(t, err)
	impossible := fmt.Sprintf("%s\nhttp://:%d {\n\tbind handover/127.0.0.1\n\trespond ok\n}\n", config, taken.Addr().(*net.TCPAddr).Port)
	require.NoError(t, os.WriteFile(s.config, []byte(impossible), 0o600))
	s.Signal(t, syscall.SIGUSR1)
	s.AwaitLine(t, notTaken, "address already in use")
	for range 3 {
		requireSuccess(t, s.post(t, validBody()))
		res := kept.send(t, post(validBody()))
		requireSuccess(t, res)
		assert.False(t, res.close)
	}
}

// startListening runs a sidecar that listens as described.
func startListening(t *testing.T, how listening, ca authority, directives string) *sidecar {
	t.Helper()
	port, network, scheme := testnet.FreePort(t), "handover/", "http"
	if how.plainTCP {
		network = ""
	}
	if how.tls {
		scheme = "https"
		directives = "tls " + certificateFiles(t, ca.issue(t, "127.0.0.1", time.Now().Add(time.Hour))) + "\n" + directives
	}
	config := strings.NewReplacer(
		"debug\n", "debug\n"+how.globals+"\nauto_https disable_redirects\nservers {\n"+how.servers+"\n}\n",
		"http://", scheme+"://",
		"bind 127.0.0.1", "bind "+network+"127.0.0.1",
	).Replace(caddyfile(port, ""))
	config = strings.Replace(config, "127.0.0.1\n", "127.0.0.1\n"+directives+"\n", 1)
	return start(t, "127.0.0.1:"+strconv.Itoa(port), config, nil)
}

// certificateFiles writes a certificate and its key, and returns the arguments of the tls
// directive.
func certificateFiles(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	return testkeys.WriteFile(t, testkeys.PEM("CERTIFICATE", certificate.Certificate[0])) + " " + testkeys.WritePrivate(t, certificate.PrivateKey)
}
