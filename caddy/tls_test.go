package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authority is a CA that exists for one test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return authority{certificate, key}
}

// issue makes a server's certificate for a name or an address.
func (a authority) issue(t *testing.T, host string, expires time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: expires,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// trust is the transport that trusts this CA, with further options.
func (a authority) trust(t *testing.T, options ...string) string {
	options = append(options, "tls_trust_pool file "+keyFile(t, pemOf("CERTIFICATE", a.certificate.Raw)))
	return "transport http {\n" + strings.Join(options, "\n") + "\n}"
}

// TLS to the gateway works with a CA that the operator trusts, and only so far
// as its certificate and its version of TLS are good.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	local := ca.issue(t, "127.0.0.1", soon)

	for name, test := range map[string]struct {
		config *tls.Config
		error  string // none if it works
	}{
		"trusted":          {&tls.Config{Certificates: []tls.Certificate{local}}, ""},
		"TLS 1.2":          {&tls.Config{Certificates: []tls.Certificate{local}, MaxVersion: tls.VersionTLS12}, ""},
		"TLS 1.1":          {&tls.Config{Certificates: []tls.Certificate{local}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "tls_protocol_error"},
		"another CA":       {&tls.Config{Certificates: []tls.Certificate{stranger.issue(t, "127.0.0.1", soon)}}, "tls_certificate_error"},
		"another name":     {&tls.Config{Certificates: []tls.Certificate{ca.issue(t, "gateway.example", soon)}}, "tls_certificate_error"},
		"expired":          {&tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", past)}}, "tls_certificate_error"},
		"wants a client's": {&tls.Config{Certificates: []tls.Certificate{local}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, "tls_protocol_error"},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := listen(t, test.config)
			s := startSidecar(t, setup{gateway: "https://" + gateway.host, options: ca.trust(t)})
			block, user := data()
			res := s.post(t, `{"data":`+block+`}`)
			if test.error == "" {
				requireSuccess(t, res)
				gateway.only(t)
				return
			}
			requireRefusal(t, res, http.StatusBadGateway, "SYSTEM_ERROR")
			assert.Contains(t, res.header.Get("Proxy-Status"), "error="+test.error+";")
			requireHonest(t, gateway, res, user)
			gateway.requireUntouched(t)
		})
	}

	t.Run("not trusted by the system", func(t *testing.T) {
		gateway := listen(t, &tls.Config{Certificates: []tls.Certificate{local}})
		s := startSidecar(t, setup{gateway: "https://" + gateway.host})
		requireRefusal(t, s.post(t, validBody()), http.StatusBadGateway, "SYSTEM_ERROR")
		gateway.requireUntouched(t)
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

	t.Run("no TLS at all", func(t *testing.T) {
		gateway := newUpstream(t)
		gateway.greets(func(conn net.Conn) {
			_, _ = conn.Write(message("400 Bad Request", "plain"))
			untilClosed(conn)
		})
		s := startSidecar(t, setup{gateway: "https://" + gateway.host, options: ca.trust(t)})
		res := s.post(t, validBody())
		requireRefusal(t, res, http.StatusBadGateway, "SYSTEM_ERROR")
		assert.Contains(t, res.header.Get("Proxy-Status"), "error=tls_protocol_error;")
	})

	t.Run("handshake stalls", func(t *testing.T) {
		gateway := newUpstream(t)
		gateway.greets(func(conn net.Conn) { untilClosed(conn) })
		s := startSidecar(t, setup{gateway: "https://" + gateway.host, options: "timeout 1s\n" + ca.trust(t)})
		res := s.post(t, validBody())
		requireRefusal(t, res, http.StatusGatewayTimeout, "SYSTEM_ERROR")
		assert.Contains(t, res.header.Get("Proxy-Status"), "error=connection_timeout;")
	})
}

// A gateway that speaks HTTP/2 gets the same call. The reader of bytes above
// does not, so this one is the standard library's.
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
		w.Header().Set("sign", sign(gatewayKey(), []byte(success)))
		_, _ = io.WriteString(w, success)
	}))
	gateway.EnableHTTP2 = true
	gateway.Config.ErrorLog = log.New(io.Discard, "", 0)
	gateway.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue(t, "127.0.0.1", time.Now().Add(time.Hour))}}
	gateway.StartTLS()
	t.Cleanup(gateway.Close)

	s := startSidecar(t, setup{gateway: "https://" + gateway.Listener.Addr().String(), options: ca.trust(t)})
	requireSuccess(t, s.post(t, validBody(), "Connection: sign", "sign: x", "Cookie: a=b"))
	r, body := <-calls, <-bodies
	require.Equal(t, 2, r.ProtoMajor)
	require.Equal(t, "POST "+endpointPath, r.Method+" "+r.RequestURI)
	require.Equal(t, gateway.Listener.Addr().String(), r.Host)
	require.Len(t, r.Header["Sign"], 1)
	require.NoError(t, verify(&merchantKey().PublicKey, body, r.Header.Get("Sign")))
	for name := range r.Header {
		require.Contains(t, allowedFields, name)
	}
}
