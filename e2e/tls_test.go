package e2e

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// authority is a CA that exists for one test.
type authority struct{ testkeys.Authority }

func newAuthority(t *testing.T) authority { return authority{testkeys.NewAuthority(t)} }

// issue makes a server certificate for a name or an address, which is already valid.
func (a authority) issue(t *testing.T, host string, expires time.Time) tls.Certificate {
	t.Helper()
	return a.IssueToServer(t, host, time.Now().Add(-2*time.Hour), expires)
}

// trust returns a transport block that trusts this CA, with additional options.
func (a authority) trust(t *testing.T, options ...string) string {
	options = append(options, "tls_trust_pool file "+testkeys.WriteFile(t, testkeys.PEM("CERTIFICATE", a.Certificate.Raw)))
	return "transport http {\n" + strings.Join(options, "\n") + "\n}"
}

// TLS to the gateway works with a CA that the operator trusts, as long as the gateway's certificate
// and TLS version are acceptable. If it fails, nothing was sent, and once it is fixed, calls
// succeed again.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	local := []tls.Certificate{ca.issue(t, "127.0.0.1", soon)}

	var present atomic.Pointer[tls.Config]
	var abort atomic.Bool
	gateway := listen(t, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if abort.Load() {
			reset(hello.Conn)
		}
		return present.Load(), nil
	}})
	gateway.answers(successAndClose)
	s := startSidecar(t, setup{gateway: "https://" + gateway.host, options: ca.trust(t)})

	for name, test := range map[string]struct {
		config *tls.Config
		error  string // empty if it works
		cause  string // named in the log
	}{
		"trusted":                {&tls.Config{Certificates: local}, "", ""},
		"TLS 1.2":                {&tls.Config{Certificates: local, MaxVersion: tls.VersionTLS12}, "", ""},
		"TLS 1.1":                {&tls.Config{Certificates: local, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "tls_alert_received", "protocol version not supported"},
		"TLS 1.0":                {&tls.Config{Certificates: local, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, "tls_alert_received", "protocol version not supported"},
		"another CA":             {&tls.Config{Certificates: []tls.Certificate{stranger.issue(t, "127.0.0.1", soon)}}, "tls_certificate_error", "nobody trusted has issued it"},
		"another name":           {&tls.Config{Certificates: []tls.Certificate{ca.issue(t, "gateway.example", soon)}}, "tls_certificate_error", "it is not for 127.0.0.1"},
		"expired":                {&tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", past)}}, "tls_certificate_error", "it has expired or is not valid yet: current time"},
		"wants a client's":       {&tls.Config{Certificates: local, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, "tls_alert_received", "the other side ended TLS: "},
		"resets the handshake":   {nil, "tls_protocol_error", "connection reset by peer"},
		"has no certificate now": {&tls.Config{}, "tls_alert_received", "the other side ended TLS: "},
	} {
		t.Run(name, func(t *testing.T) {
			present.Store(test.config)
			abort.Store(test.config == nil)
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			if test.error == "" {
				requireSuccess(t, res)
				assert.Len(t, gateway.about(user), 1)
				return
			}
			requireRefusal(t, res, http.StatusBadGateway, "SYSTEM_ERROR")
			assert.Contains(t, res.header.Get("Proxy-Status"), "error="+test.error+";")
			requireHonest(t, s, gateway, res, user)
			s.AwaitLine(t, `"msg":"call"`, res.header.Get("Payermax-Request-Id"), `"cause":"`, test.cause)

			present.Store(&tls.Config{Certificates: local})
			abort.Store(false)
			requireSuccess(t, s.post(t, validBody()))
		})
	}

	t.Run("not trusted by the system", func(t *testing.T) {
		present.Store(&tls.Config{Certificates: local})
		s := startSidecar(t, setup{gateway: "https://" + gateway.host})
		block, user := data()
		res := s.post(t, `{"data":`+block+`}`)
		requireRefusal(t, res, http.StatusBadGateway, "SYSTEM_ERROR")
		requireHonest(t, s, gateway, res, user)
	})

	t.Run("by name", func(t *testing.T) {
		gateway := listen(t, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			assert.Equal(t, "localhost", hello.ServerName)
			certificate := ca.issue(t, "localhost", soon)
			return &certificate, nil
		}})
		gateway.host = strings.Replace(gateway.host, "127.0.0.1", "localhost", 1)
		s := startSidecar(t, setup{gateway: "https://" + gateway.host, options: ca.trust(t)})
		requireSuccess(t, s.post(t, validBody()))
		gateway.only(t)
	})
}

// With TLS 1.3, a client mostly learns only after sending the call that the server requires a
// certificate, so nobody knows whether the call was read. The reason is known.
func TestTLSWantsCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	gateway := listen(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", time.Now().Add(time.Hour))}, ClientAuth: tls.RequireAnyClientCert})
	gateway.greets(func(conn net.Conn) {
		encrypted := conn.(*tls.Conn)
		assert.Error(t, encrypted.Handshake())
		untilClosed(encrypted.NetConn())
	})
	s := startSidecar(t, setup{gateway: "https://" + gateway.host, options: ca.trust(t)})
	block, user := data()
	res := s.post(t, `{"data":`+block+`}`)
	require.Equal(t, http.StatusBadGateway, res.status)
	assert.Contains(t, res.header.Get("Proxy-Status"), "error=tls_alert_received;")
	requireHonest(t, s, gateway, res, user)
	s.AwaitLine(t, `"msg":"call"`, `"cause":"`, "the other side ended TLS: tls: certificate required")
}

// A gateway that does not speak TLS, or does not get as far as TLS, has received nothing either.
func TestTLSNeverBegins(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: "https://" + gateway.host, options: "timeout 4s"})
	for name, test := range map[string]struct {
		greet  func(net.Conn)
		status int
		error  string
	}{
		"no TLS at all": {func(conn net.Conn) {
			_, _ = conn.Write(message("400 Bad Request", "plain"))
			untilClosed(conn)
		}, http.StatusBadGateway, "tls_protocol_error"},
		"handshake stalls": {untilClosed, http.StatusGatewayTimeout, "connection_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			gateway.greets(test.greet)
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			requireRefusal(t, res, test.status, "SYSTEM_ERROR")
			assert.Contains(t, res.header.Get("Proxy-Status"), "error="+test.error+";")
			requireHonest(t, s, gateway, res, user)
		})
	}
}

// A gateway that speaks HTTP/2, if enabled, gets the same call. The upstream of the other tests
// does not speak it, so this one is based on net/http.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	calls := make(chan *http.Request, 1)
	bodies := make(chan []byte, 1)
	gateway := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		calls <- r
		bodies <- body
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.Header().Set("sign", sign(testkeys.Gateway(), []byte(success)))
		_, _ = io.WriteString(w, success)
	}))
	gateway.EnableHTTP2 = true
	gateway.Config.ErrorLog = log.New(io.Discard, "", 0)
	gateway.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", time.Now().Add(time.Hour))}}
	gateway.StartTLS()
	t.Cleanup(gateway.Close)

	s := startSidecar(t, setup{gateway: "https://" + gateway.Listener.Addr().String(), options: ca.trust(t, "versions 1.1 2")})
	requireSuccess(t, s.post(t, validBody(), "Connection: sign", "sign: x", "Cookie: a=b"))
	r, body := <-calls, <-bodies
	require.Equal(t, 2, r.ProtoMajor)
	require.Equal(t, "POST "+endpointPath, r.Method+" "+r.RequestURI)
	require.Equal(t, gateway.Listener.Addr().String(), r.Host)
	require.Len(t, r.Header["Sign"], 1)
	require.NoError(t, verify(&testkeys.Merchant().PublicKey, body, r.Header.Get("Sign")))
	for name := range r.Header {
		require.Contains(t, allowedFields, name)
	}
}

// Turning off the check of the gateway's certificate causes a warning, which already appears when
// the config is validated.
func TestUncheckedCertificateWarns(t *testing.T) {
	t.Parallel()
	const warning = "tls_insecure_skip_verify is on"
	for option, counts := range map[string]int{"": 0, "transport http {\ntls_insecure_skip_verify\n}": 1} {
		config := configFile(t, testnet.FreePort(t), "gateway uat", handlerOptions(t)+"\n"+option)
		said, err := caddyCommand(t, t.Context(), nil, "validate", "--config", config, "--adapter", "caddyfile").CombinedOutput()
		require.NoError(t, err, string(said))
		assert.Equal(t, counts, strings.Count(string(said), warning), option)
	}
}
