package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

func TestGatewayAddress(t *testing.T) {
	for url, want := range map[string]string{
		"https://pay-gate.payermax.com": "pay-gate.payermax.com:443",
		"https://gateway.example:8443":  "gateway.example:8443",
		"http://localhost":              "localhost:80",
		"http://[::1]:9000":             "[::1]:9000",
	} {
		assert.Equal(t, want, Gateway{URL: url}.address())
	}
}

func TestCheckEnvironment(t *testing.T) {
	for _, test := range []struct {
		gateway Gateway
		says    string
	}{
		{Gateway{Environment: "uat"}, "PayerMax's test environment (uat); its keys"},
		{Gateway{Environment: "production"}, "PayerMax's production environment; payments are real"},
		{Gateway{Backup: true}, "a host of your own choice, the backup"},
	} {
		result := checkEnvironment(test.gateway)
		assert.Equal(t, OK, result.Outcome)
		assert.Contains(t, result.Message, test.says)
	}
	for _, url := range []string{"https://pay-gate-uat.payermx.com", "https://docs.payermax.com:8443"} {
		result := checkEnvironment(Gateway{URL: url})
		assert.Equal(t, Warning, result.Outcome, url)
		assert.Contains(t, result.Message, "is probably a mistake: it is ")
		assert.Contains(t, result.Next, "write gateway uat")
	}
}

func TestCheckAddress(t *testing.T) {
	addresses := func(texts ...string) ([]netip.Addr, error) {
		var parsed []netip.Addr
		for _, text := range texts {
			parsed = append(parsed, netip.MustParseAddr(text))
		}
		return parsed, nil
	}
	failing := func(err error) func() ([]netip.Addr, error) {
		return func() ([]netip.Addr, error) { return nil, err }
	}
	for name, test := range map[string]struct {
		gateway Gateway
		lookup  func() ([]netip.Addr, error)
		outcome Outcome
		message string
	}{
		"found":      {Gateway{URL: "https://host"}, func() ([]netip.Addr, error) { return addresses("192.0.2.1", "2001:db8::1") }, OK, "192.0.2.1, 2001:db8::1"},
		"many":       {Gateway{URL: "https://host"}, func() ([]netip.Addr, error) { return addresses("::1", "::2", "::3", "::4", "::5", "::6") }, OK, "::1, ::2, ::3, ::4, 2 others"},
		"an address": {Gateway{URL: "https://127.0.0.1:1"}, failing(errors.New("asked")), OK, "the gateway is an address, so no name is resolved"},
		"unknown":    {Gateway{URL: "https://host"}, failing(&net.DNSError{IsNotFound: true}), Problem, "there is no host with this name"},
		"silence":    {Gateway{URL: "https://host"}, failing(&net.DNSError{IsTimeout: true, Server: "192.0.2.53:53"}), Problem, "the name server 192.0.2.53:53 does not answer"},
		"broken":     {Gateway{URL: "https://host"}, failing(&net.DNSError{Err: "server misbehaving", Server: "192.0.2.53:53"}), Problem, "the name server 192.0.2.53:53 returned an error"},
		"no network": {Gateway{URL: "https://host"}, failing(&net.DNSError{Err: "dial udp 192.0.2.53:53: connect: " + syscall.ENETUNREACH.Error(), Server: "192.0.2.53:53"}),
			Problem, "the name server 192.0.2.53:53 could not be reached: network is unreachable"},
		"nobody there": {Gateway{URL: "https://host"}, failing(&net.DNSError{Err: "read udp 127.0.0.1:4->127.0.0.53:53: read: " + syscall.ECONNREFUSED.Error(), Server: "127.0.0.53:53"}),
			Problem, "the name server 127.0.0.53:53 could not be reached: connection refused"},
		"the system's": {Gateway{URL: "https://host"}, failing(&net.DNSError{Err: "Temporary failure in name resolution"}), Problem, "the name servers could not be reached, or returned an error"},
		"no DNS error": {Gateway{URL: "https://host"}, failing(errors.New("canary")), Problem, "the name servers could not be reached, or returned an error"},
		"own resolver": {Gateway{URL: "https://host", OwnResolver: true}, failing(errors.New("asked")), NotChecked, "its own resolver"},
	} {
		result := checkAddress(t.Context(), test.gateway, func(context.Context, string, string) ([]netip.Addr, error) { return test.lookup() })
		assert.Equal(t, test.outcome, result.Outcome, name)
		assert.Contains(t, result.Message, test.message, name)
		assert.Equal(t, test.outcome == Problem, result.Next != "", name)
	}
}

// What to do about a name depends on why it could not be resolved.
func TestNextAfterLookup(t *testing.T) {
	there := filepath.Join(t.TempDir(), "resolv.conf")
	missing := there + ".missing"
	require.NoError(t, os.WriteFile(there, nil, 0o600))
	silent := &net.DNSError{IsTimeout: true}
	assert.Equal(t, "check this machine's network and "+there, nextAfterLookup(silent, "host", there))
	assert.Equal(t, "write the name servers into "+missing+", which is missing", nextAfterLookup(silent, "host", missing))
	assert.Contains(t, nextAfterLookup(&net.DNSError{IsNotFound: true}, "host", missing), "getent hosts host")
}

// A name that exists nowhere (RFC 6761) ends the checks of a gateway.
func TestCheckNetworkOfUnknownHost(t *testing.T) {
	results, reached := checkNetwork(t.Context(), Gateway{URL: "https://gateway.invalid", TLS: new(tls.Config)})
	assert.False(t, reached)
	require.Len(t, results, 1)
	assert.Equal(t, Problem, results[0].Outcome)
	assert.Contains(t, results[0].Next, "getent hosts gateway.invalid")
}

func TestCheckConnection(t *testing.T) {
	listener, err := net.Listen("tcp", testnet.FreeAddress(t)) // no other test gets this port after the listener is closed
	require.NoError(t, err)
	open := "https://" + listener.Addr().String()
	conn, result := checkConnection(t.Context(), Gateway{URL: open})
	require.NotNil(t, conn)
	conn.Close()
	assert.Equal(t, OK, result.Outcome)
	assert.Contains(t, result.Message, "TCP to "+listener.Addr().String()+" in ")

	listener.Close()
	conn, result = checkConnection(t.Context(), Gateway{URL: open})
	assert.Nil(t, conn)
	assert.Equal(t, Problem, result.Outcome)
	assert.Contains(t, result.Message, "refused")
	assert.Equal(t, "start what should listen there, such as caddy payermax-sandbox", result.Next)

	conn, result = checkConnection(t.Context(), Gateway{URL: open, OwnSite: true})
	assert.Nil(t, conn)
	assert.Equal(t, NotChecked, result.Outcome)
}

func TestFailuresInWords(t *testing.T) {
	for _, test := range []struct {
		words func(error) string
		err   error
		want  string
	}{
		{connectFailure, syscall.EHOSTUNREACH, "there is no route to the host"},
		{connectFailure, syscall.EPERM, "the operating system does not allow it"},
		{connectFailure, context.DeadlineExceeded, "no answer within 5s"},
		{connectFailure, &net.DNSError{IsNotFound: true}, "there is no host with this name"},
		{connectFailure, syscall.ENOBUFS, "it failed: " + syscall.ENOBUFS.Error()},
		{connectFailure, errors.New("canary"), "it failed: the connection broke before the answer was complete"},
		{exchangeFailure, context.DeadlineExceeded, "no answer within 15s"},
		{exchangeFailure, io.ErrUnexpectedEOF, "closed without an answer"},
		{exchangeFailure, errors.New(`net/http: malformed HTTP response "canary"`), "does not speak HTTP"},
		{exchangeFailure, errors.New("canary"), "it failed: the connection broke before the answer was complete"},
	} {
		said := test.words(test.err)
		assert.Contains(t, said, test.want)
		assert.NotContains(t, said, "canary")
	}
}

// serveTLS serves TLS handshakes until the end of the test.
func serveTLS(t *testing.T, config *tls.Config) string {
	t.Helper()
	return "https://" + testnet.Serve(t, func(conn net.Conn) {
		client := tls.Server(conn, config)
		if client.Handshake() == nil {
			_, _ = io.Copy(io.Discard, client)
		}
	})
}

func TestCheckTLS(t *testing.T) {
	ca, stranger := testkeys.NewAuthority(t), testkeys.NewAuthority(t)
	past, later := time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	issue := func(a testkeys.Authority, host string, from, until time.Time) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{a.IssueToServer(t, host, from, until)}}
	}
	trusting := func() *tls.Config { return &tls.Config{RootCAs: ca.Pool()} }
	good := func() *tls.Config { return issue(ca, "127.0.0.1", past, later) }
	with := func(change func(*tls.Config)) *tls.Config {
		config := good()
		change(config)
		return config
	}
	insecure := &tls.Config{InsecureSkipVerify: true}

	for name, test := range map[string]struct {
		server, client *tls.Config
		outcome        Outcome
		message, next  string
	}{
		"TLS 1.3": {good(), trusting(), OK, "TLS 1.3 in ", ""},
		"TLS 1.2": {with(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), trusting(), OK,
			"certificate for 127.0.0.1, issued by test CA, valid until " + later.UTC().Format(time.DateOnly), ""},
		"TLS 1.1": {with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), trusting(), Problem,
			"supports TLS 1.1 at most, and versions before TLS 1.2 are refused", "between here and PayerMax"},
		"a client that allows TLS 1.0": {with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }),
			&tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS10}, Problem, "supports TLS 1.1 at most", ""},
		"expires soon": {issue(ca, "127.0.0.1", past, time.Now().Add(73*time.Hour)), trusting(), Warning, ", in 3 days", "PayerMax renews its own"},
		"expired": {issue(ca, "127.0.0.1", time.Now().Add(-40*time.Hour), past), trusting(), Problem,
			"valid until " + past.UTC().Format(time.DateOnly) + ", so it has expired", "this machine's clock"},
		"not valid yet":     {issue(ca, "127.0.0.1", later, later.Add(time.Hour)), trusting(), Problem, "is not valid before", "this machine's clock"},
		"another authority": {issue(stranger, "127.0.0.1", past, later), trusting(), Problem, "issued by test CA, which is not in the transport's tls_trust_pool", "tls_trust_pool"},
		"the system's":      {good(), new(tls.Config), Problem, "issued by test CA, which this system does not trust", "tls_trust_pool"},
		"another name":      {issue(ca, "gateway.example", past, later), trusting(), Problem, "the certificate is for gateway.example, not for 127.0.0.1", "tls_server_name"},
		"a name that is set": {issue(ca, "gateway.example", past, later), &tls.Config{RootCAs: ca.Pool(), ServerName: "gateway.example"}, OK,
			"certificate for gateway.example", ""},
		"not verified": {issue(stranger, "127.0.0.1", past, later), insecure, Problem, "the sidecar does not check that PayerMax answers", "remove tls_insecure_skip_verify"},
		"wants a client's": {with(func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 }), trusting(), Problem,
			"the other side refuses the handshake", "client certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			g := Gateway{URL: serveTLS(t, test.server), TLS: test.client}
			result := tlsResult(t, g)
			assert.Equal(t, test.outcome, result.Outcome)
			assert.Contains(t, result.Message, test.message)
			assert.Contains(t, result.Next, test.next)
			assert.Equal(t, test.outcome == OK, result.Next == "")
		})
	}

	t.Run("no TLS", func(t *testing.T) {
		url := "https://" + testnet.Serve(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") })
		result := tlsResult(t, Gateway{URL: url, TLS: trusting()})
		assert.Equal(t, Problem, result.Outcome)
		assert.Contains(t, result.Message, "does not speak TLS")
	})
	t.Run("no TLS wanted", func(t *testing.T) {
		assert.Equal(t, OK, checkTLS(t.Context(), Gateway{URL: "http://127.0.0.1:1"}, nil).Outcome)
		result := checkTLS(t.Context(), Gateway{URL: "http://192.0.2.1"}, nil)
		assert.Equal(t, Problem, result.Outcome)
		assert.Contains(t, result.Message, "in plain text")
	})
}

// tlsResult connects and returns the result of checkTLS.
func tlsResult(t *testing.T, g Gateway) Result {
	t.Helper()
	conn, connection := checkConnection(t.Context(), g)
	require.NotNil(t, conn, connection.Message)
	defer conn.Close()
	return checkTLS(t.Context(), g, conn)
}

// A gateway in plain text on a port that speaks TLS is reported, whatever the port does
// with plain text; a port that speaks neither is not.
func TestPlainTextToTLS(t *testing.T) {
	certified := httptest.NewUnstartedServer(http.NotFoundHandler())
	certified.Config.ErrorLog = log.New(io.Discard, "", 0)
	certified.StartTLS()
	t.Cleanup(certified.Close)
	for name, test := range map[string]struct {
		address string
		found   bool
	}{
		"an HTTPS server that says so": {certified.Listener.Addr().String(), true},
		"TLS that hangs up":            {serveTLS(t, certified.TLS), true},
		"TLS that wants another name":  {serveTLS(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("no certificate") }}), true},
		"what speaks neither":          {testnet.Serve(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "-ERR unknown command\r\n") }), false},
	} {
		t.Run(name, func(t *testing.T) {
			results, reached := checkNetwork(t.Context(), Gateway{URL: "http://" + strings.TrimPrefix(test.address, "https://")})
			result := only(t, results, "tls")
			assert.Equal(t, !test.found, reached)
			if !test.found {
				assert.Equal(t, OK, result.Outcome)
				return
			}
			assert.Equal(t, Problem, result.Outcome)
			assert.Contains(t, result.Message, "the port speaks TLS")
			assert.Contains(t, result.Next, "write https://")
		})
	}
}

func TestNames(t *testing.T) {
	assert.Equal(t, "no host", namesOf(new(x509.Certificate)))
	assert.Equal(t, "a, b, c, 2 others", namesOf(&x509.Certificate{DNSNames: strings.Split("a b c d e", " ")}))
	assert.Equal(t, "PayerMax", nameOf("", []string{"PayerMax"}))
	assert.Equal(t, "an authority with no name", nameOf("", nil))
}

func TestCheckClock(t *testing.T) {
	for name, test := range map[string]struct {
		date    func() string
		follows bool
		outcome Outcome
		message string
	}{
		"agrees":           {dateIn(0), false, OK, "agrees with the gateway's"},
		"a little off":     {dateIn(10 * time.Second), false, OK, "s behind the gateway's"},
		"a minute behind":  {dateIn(time.Minute), false, Warning, "behind the gateway's; PayerMax refuses a requestTime that is more than two minutes off"},
		"a minute ahead":   {dateIn(-time.Minute), false, Warning, "ahead of the gateway's"},
		"five minutes":     {dateIn(5 * time.Minute), false, Problem, "s behind the gateway's; PayerMax refuses"},
		"followed":         {dateIn(time.Minute), true, Warning, "but follow_gateway_clock is on"},
		"perhaps followed": {dateIn(5 * time.Minute), true, Warning, "uses signed answers only"},
		"a day":            {dateIn(24 * time.Hour), true, Problem, "behind the gateway's"},
		"no date":          {func() string { return "" }, false, NotChecked, "have no valid Date header"},
		"not a date":       {func() string { return "tomorrow" }, false, NotChecked, "have no valid Date header"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "HEAD /", r.Method+" "+r.URL.Path)
				assert.Empty(t, r.Header.Get("Sign"))
				w.Header()["Date"] = nil
				if date := test.date(); date != "" {
					w.Header().Set("Date", date)
				}
				w.WriteHeader(http.StatusNotFound)
			}))
			defer server.Close()
			result, _ := checkClock(t.Context(), Gateway{URL: server.URL, FollowsClock: test.follows})
			assert.Equal(t, test.outcome, result.Outcome)
			assert.Contains(t, result.Message, test.message)
			assert.Equal(t, test.outcome == Problem || test.outcome == Warning, result.Next != "")
		})
	}
	result, _ := checkClock(t.Context(), Gateway{URL: "http://" + testnet.Serve(t, func(net.Conn) {})})
	assert.Equal(t, NotChecked, result.Outcome)
	assert.Contains(t, result.Message, "got no answer")
}

// dateIn returns a function for the Date of a clock that is ahead of this machine's.
func dateIn(ahead time.Duration) func() string {
	return func() string { return time.Now().Add(ahead).UTC().Format(http.TimeFormat) }
}

// The skews at which the result becomes a warning or a problem.
func TestJudgeSkew(t *testing.T) {
	const (
		either   = "see follow_gateway_clock"
		set      = "(NTP)"
		noFollow = "follow_gateway_clock corrects at most an hour"
	)
	for _, test := range []struct {
		skew     time.Duration
		follows  bool
		outcome  Outcome
		nextEnds string
	}{
		{0, false, OK, ""},
		{29 * time.Second, false, OK, ""},
		{-29 * time.Second, true, OK, ""},
		{30 * time.Second, false, Warning, either},
		{-89 * time.Second, false, Warning, either},
		{90 * time.Second, false, Problem, either},
		{-time.Hour, false, Problem, either},
		{time.Hour + time.Second, false, Problem, noFollow},
		{30 * time.Second, true, Warning, set},
		{time.Hour, true, Warning, set},
		{-time.Hour - time.Second, true, Problem, noFollow},
	} {
		result := judgeSkew(test.skew, test.follows)
		assert.Equal(t, test.outcome, result.Outcome, "%s", test.skew)
		assert.True(t, strings.HasSuffix(result.Next, test.nextEnds), "%s: %s", test.skew, result.Next)
	}
	assert.Contains(t, judgeSkew(5*time.Minute-499*time.Millisecond, false).Message, "5m0s behind the gateway's")
	assert.Contains(t, judgeSkew(2*time.Minute-time.Second, true).Message, "but follow_gateway_clock is on")
	assert.Contains(t, judgeSkew(2*time.Minute, true).Message, "uses signed answers only")
}

// The hint about TLS is shown for plain HTTP only: a server that speaks TLS usually
// answers a plain request with an error page.
func TestSchemeHint(t *testing.T) {
	assert.Contains(t, Gateway{URL: "http://127.0.0.1:8443"}.schemeHint(), "https:// if the port speaks TLS")
	assert.Empty(t, Gateway{URL: "https://gateway.example"}.schemeHint())
}

func TestProxyVariables(t *testing.T) {
	assert.Contains(t, proxyVariables([]string{"HTTPS_PROXY"}, false).Message, "HTTPS_PROXY is set, but ignored")
	assert.Contains(t, proxyVariables([]string{"HTTPS_PROXY", "http_proxy"}, false).Message, "HTTPS_PROXY and http_proxy are set, but ignored")
	followed := proxyVariables([]string{"HTTPS_PROXY"}, followEnvironment([]Handler{{}, {Gateways: []Gateway{{}, {FollowsEnvironment: true}}}}))
	assert.Equal(t, Warning, followed.Outcome)
	assert.Contains(t, followed.Message, "HTTPS_PROXY is set, and transport http uses")
	assert.False(t, followEnvironment([]Handler{{Gateways: []Gateway{{}}}}))
}

// PayerMax's test environment answers only registered IP addresses, and a sidecar on
// another host than the application has a different one.
func TestAllowListOfTestEnvironment(t *testing.T) {
	refused := func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	for environment, says := range map[string]bool{protocol.UAT: true, protocol.Production: false, "": false} {
		g := Gateway{URL: "https://gateway.example", Environment: environment, Dial: refused}
		_, result := checkConnection(t.Context(), g)
		assert.Equal(t, Problem, result.Outcome)
		assert.Equal(t, says, strings.Contains(result.Next, "only registered IP addresses"), environment)
	}
}
