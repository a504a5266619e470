package e2e

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// callerToken is a token of the strength that the example requires.
const callerToken = "canary-0123456789abcdef0123456789abcdef"

// over wraps a connection, dialled in some other way, as the application's client.
func over(t *testing.T, conn net.Conn) *client {
	t.Helper()
	require.NoError(t, conn.SetDeadline(time.Now().Add(2*time.Minute)))
	seen := new(bytes.Buffer)
	return &client{conn, bufio.NewReader(io.TeeReader(conn, seen)), seen}
}

func TestExampleUnixSocket(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	env := exampleEnvironment(t, gateway.url())
	delete(env, "PAYERMAX_PORT")
	folder, err := os.MkdirTemp("", "payermax") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	socket := filepath.Join(folder, "payermax.sock")
	env["PAYERMAX_SOCKET"] = socket

	// A socket left behind by a killed process does not get in the way.
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	require.NoError(t, err)
	left.SetUnlinkOnClose(false)
	require.NoError(t, left.Close())

	s := start(t, env.address("PAYERMAX_HEALTH_PORT"), readExample(t, "unix-socket.caddyfile"), env.list())
	requireHealthy(t, env)
	info, err := os.Stat(socket)
	require.NoError(t, err)
	assert.Equal(t, fs.ModeSocket|0o660, info.Mode())

	call := func(raw string) *response {
		conn, err := net.Dial("unix", socket)
		require.NoError(t, err)
		defer conn.Close()
		return over(t, conn).send(t, raw)
	}
	requireSuccess(t, call(post(validBody())))
	requireRefusal(t, call(post("{}")), http.StatusBadRequest, "PARAMS_INVALID")
	gateway.only(t)

	t.Run("no TCP port for calls", func(t *testing.T) {
		// The health port does not sign.
		answer := s.post(t, validBody())
		assert.NotContains(t, string(answer.body), "APPLY_SUCCESS")
		gateway.only(t)
		if _, err := os.Stat("/proc/self/net/tcp"); err != nil {
			t.Skip("listening sockets are found in /proc, which is not here")
		}
		assert.Equal(t, []string{env["PAYERMAX_HEALTH_PORT"]}, listeningPorts(t, s.Pid()))
	})
	s.terminate(t)
	assert.NoFileExists(t, socket)
}

// listeningPorts returns the TCP ports that a process listens on, at any address.
func listeningPorts(t *testing.T, pid int) []string {
	t.Helper()
	process := filepath.Join("/proc", strconv.Itoa(pid))
	entries, err := os.ReadDir(filepath.Join(process, "fd"))
	if errors.Is(err, fs.ErrPermission) { // a process that holds keys is not dumpable
		testtool.Missing(t, "the right to look at a process with keys", "running the tests as root")
	}
	require.NoError(t, err)
	open := make(map[string]bool)
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join(process, "fd", entry.Name())); err == nil {
			open[target] = true
		}
	}
	var ports []string
	for _, table := range []string{"tcp", "tcp6"} {
		sockets, err := os.ReadFile(filepath.Join(process, "net", table))
		require.NoError(t, err)
		for line := range strings.Lines(string(sockets)) {
			const listening = "0A"
			columns := strings.Fields(line)
			if columns[3] != listening || !open["socket:["+columns[9]+"]"] {
				continue
			}
			_, port, _ := strings.Cut(columns[1], ":")
			number, err := hex.DecodeString(port)
			require.NoError(t, err)
			ports = append(ports, strconv.Itoa(int(number[0])<<8|int(number[1])))
		}
	}
	slices.Sort(ports)
	return ports
}

func TestExampleToken(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	env := exampleEnvironment(t, gateway.url())
	env["PAYERMAX_CALLER_TOKEN"] = testkeys.WriteFile(t, callerToken+"\n")
	s := startTalkativeExample(t, "token.caddyfile", env)
	requireHealthy(t, env)

	requireSuccess(t, s.post(t, validBody(), "Authorization: Bearer "+callerToken))
	assert.NotContains(t, string(gateway.only(t).raw), callerToken)

	for name, fields := range map[string][]string{
		"none":                  nil,
		"empty":                 {"Authorization: "},
		"another":               {"Authorization: Bearer canary-0123456789abcdef0123456789abcdeX"},
		"the beginning":         {"Authorization: Bearer " + callerToken[:20]},
		"more":                  {"Authorization: Bearer " + callerToken + "x"},
		"no scheme":             {"Authorization: " + callerToken},
		"another scheme":        {"Authorization: Basic " + callerToken},
		"two in one":            {"Authorization: Bearer x, Bearer " + callerToken},
		"a wildcard":            {"Authorization: *"},
		"a bearer of wildcards": {"Authorization: Bearer *"},
		"the placeholder":       {"Authorization: Bearer {vars.caller_token}"},
		"in another header":     {"Proxy-Authorization: Bearer " + callerToken},
		"in a cookie":           {"Cookie: Authorization=" + callerToken},
	} {
		t.Run(name, func(t *testing.T) {
			requireUnauthorized(t, s.post(t, validBody(), fields...), "Bearer")
		})
	}
	requireUnauthorized(t, s.send(t, requestWith("POST /elsewhere HTTP/1.1", validBody())), "Bearer")
	gateway.only(t)

	// The file takes effect from one request to the next: a new token replaces the old one, and a
	// file without a valid token lets no caller in.
	renewed := strings.Replace(callerToken, "canary", "cAnary", 1)
	for name, test := range map[string]struct {
		file, shows string
		welcome     bool
	}{
		"the new token":   {renewed, renewed, true},
		"the old token":   {renewed, callerToken, false},
		"an empty file":   {"", "", false},
		"only a new line": {"\n", "", false},
		"too short":       {"canary", "canary", false},
		"a wildcard":      {"*", "anything", false},
		"a long wildcard": {strings.Repeat("x", 40) + "*", strings.Repeat("x", 41), false},
		"two lines":       {renewed + "\n" + callerToken + "\n", callerToken, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(env["PAYERMAX_CALLER_TOKEN"], []byte(test.file), 0o600))
			res := s.post(t, validBody(), "Authorization: Bearer "+test.shows)
			if test.welcome {
				requireSuccess(t, res)
				return
			}
			requireUnauthorized(t, res, "Bearer")
		})
	}
	require.NoError(t, os.Remove(env["PAYERMAX_CALLER_TOKEN"]))
	requireUnauthorized(t, s.post(t, validBody(), "Authorization: Bearer "), "Bearer")
	require.Len(t, gateway.received(), 2)

	s.requireTalkative(t)
	s.NeverPrints("0123456789abcdef0123456789abcde", `"Authorization"`) // the token
}

// requireUnauthorized checks the answer to an unauthenticated caller.
func requireUnauthorized(t *testing.T, res *response, scheme string) {
	t.Helper()
	requireRefusal(t, res, http.StatusUnauthorized, "UNAUTHORIZED")
	assert.Contains(t, res.header.Get("Proxy-Status"), `details="UNAUTHORIZED"`)
	assert.True(t, strings.HasPrefix(res.header.Get("WWW-Authenticate"), scheme), res.header.Get("WWW-Authenticate"))
	assert.Equal(t, "no-store", res.header.Get("Cache-Control"))
	assert.NotContains(t, string(res.raw), "canary")
}

// basic returns the Authorization header line of a user with a password.
func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// passwordHash returns the output of caddy hash-password. The cost is as low as possible: these
// passwords protect nothing.
func passwordHash(t *testing.T, password string) string {
	t.Helper()
	out, err := caddyCommand(t, t.Context(), nil, "hash-password", "--plaintext", password, "--bcrypt-cost", "4").Output()
	require.NoError(t, err)
	return string(out)
}

func TestExampleLimits(t *testing.T) {
	t.Parallel()
	gateway := newUpstreamFor(t, map[string]*rsa.PrivateKey{appID: testkeys.Merchant()})
	env := exampleEnvironment(t, gateway.url())
	env["PAYERMAX_SHOP_PASSWORD_HASH"] = testkeys.WriteFile(t, passwordHash(t, "canary-shop"))
	env["PAYERMAX_BACK_OFFICE_PASSWORD_HASH"] = testkeys.WriteFile(t, passwordHash(t, "canary-office"))
	s := startTalkativeExample(t, "limits.caddyfile", env)
	requireHealthy(t, env)

	shop, office := basic("shop", "canary-shop"), basic("back-office", "canary-office")
	requireSuccess(t, s.post(t, validBody(), shop))
	requireRefusal(t, s.post(t, validBody(), office), http.StatusForbidden, "CALLER_NOT_ALLOWED")
	// Unknown users are not tried: Caddy hashes for them as well, at a cost that takes half a
	// minute under the race detector.
	for _, fields := range [][]string{nil, {basic("shop", "canary-office")}, {"Authorization: Basic canary"}} {
		requireUnauthorized(t, s.post(t, validBody(), fields...), "Basic")
	}
	gateway.only(t)

	// The back office has its own rate: ten at once, and then one a second.
	await(t, patience, "the limit", func() bool {
		res := s.send(t, query(office))
		if res.status == http.StatusOK {
			return false
		}
		requireRefusal(t, res, http.StatusTooManyRequests, "TOO_MANY_REQUEST")
		assert.Equal(t, "1", res.header.Get("Retry-After"))
		return true
	})
	assert.GreaterOrEqual(t, len(gateway.received()), 11)
	requireSuccess(t, s.send(t, query(shop)))

	s.requireTalkative(t)
	for _, secret := range []string{"canary", base64.StdEncoding.EncodeToString([]byte("shop:canary-shop")), "$2a$"} {
		s.NeverPrints(secret)
	}
}

// query returns an orderQuery request as an application sends it.
func query(fields ...string) string {
	return strings.Replace(post(`{"data":{"outTradeNo":"P1"}}`, fields...), "applyDropinSession", "orderQuery", 1)
}

func TestExampleMutualTLS(t *testing.T) {
	t.Parallel()
	gateway := newUpstreamFor(t, map[string]*rsa.PrivateKey{appID: testkeys.Merchant()})
	servers, callers, strangers := newAuthority(t), newAuthority(t), newAuthority(t)
	own := servers.issue(t, "sidecar.example", time.Now().Add(time.Hour))
	env := exampleEnvironment(t, gateway.url())
	env["PAYERMAX_TLS_CERTIFICATE"] = testkeys.WriteFile(t, testkeys.PEM("CERTIFICATE", own.Certificate[0]))
	env["PAYERMAX_TLS_KEY"] = testkeys.WritePrivate(t, own.PrivateKey)
	env["PAYERMAX_CALLER_CA"] = testkeys.WriteFile(t, testkeys.PEM("CERTIFICATE", callers.Certificate.Raw))
	s := startExample(t, "mtls.caddyfile", env)
	requireHealthy(t, env)

	trusted := servers.Pool()
	call := func(t *testing.T, raw string, certificates ...tls.Certificate) (*response, error) {
		t.Helper()
		// Until the handshake completes, the server may close a stranger's connection.
		conn, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: trusted, ServerName: "sidecar.example", Certificates: certificates})
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		return over(t, conn).roundTrip(raw)
	}

	now := time.Now()
	shop := callers.issueToCaller(t, "shop", now.Add(time.Hour))
	office := callers.issueToCaller(t, "back-office", now.Add(time.Hour))
	for name, test := range map[string]struct {
		raw         string
		certificate tls.Certificate
		denied      bool
	}{
		"the shop opens a session":         {post(validBody()), shop, false},
		"the shop queries":                 {query(), shop, false},
		"the shop refunds":                 {strings.Replace(post(`{"data":{}}`), "applyDropinSession", "refund", 1), shop, true},
		"the back office queries":          {query(), office, false},
		"the back office opens a session":  {post(validBody()), office, true},
		"somebody else whom the CA knows":  {post(validBody()), callers.issueToCaller(t, "cleaner", now.Add(time.Hour)), true},
		"somebody whose name begins alike": {post(validBody()), callers.issueToCaller(t, "shop,O=Evil", now.Add(time.Hour)), true},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(gateway.received())
			res, err := call(t, test.raw, test.certificate)
			require.NoError(t, err)
			if !test.denied {
				requireSuccess(t, res)
				return
			}
			requireRefusal(t, res, http.StatusForbidden, "CALLER_NOT_ALLOWED")
			require.Len(t, gateway.received(), before)
		})
	}

	// A caller without a certificate of the CA does not get as far as HTTP.
	before := len(gateway.received())
	for name, certificates := range map[string][]tls.Certificate{
		"none":                {},
		"of another CA":       {strangers.issueToCaller(t, "shop", now.Add(time.Hour))},
		"expired":             {callers.issueToCaller(t, "shop", now.Add(-time.Minute))},
		"made for servers":    {callers.issue(t, "shop", now.Add(time.Hour))},
		"the sidecar's own":   {own},
		"without its own key": {{Certificate: shop.Certificate, PrivateKey: office.PrivateKey}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := call(t, post(validBody()), certificates...)
			require.Error(t, err)
		})
	}
	assert.Equal(t, http.StatusBadRequest, s.post(t, validBody()).status, "plain text")
	require.Len(t, gateway.received(), before)

	// A renewed certificate is used once Caddy reloads.
	renewed := servers.issue(t, "sidecar.example", now.Add(2*time.Hour))
	require.NoError(t, os.WriteFile(env["PAYERMAX_TLS_CERTIFICATE"], []byte(testkeys.PEM("CERTIFICATE", renewed.Certificate[0])), 0o600))
	require.NoError(t, os.WriteFile(env["PAYERMAX_TLS_KEY"], []byte(testkeys.PrivatePEM(renewed.PrivateKey)), 0o600))
	s.Signal(t, syscall.SIGUSR1)
	s.AwaitLine(t, reloaded)
	await(t, patience, "the renewed certificate", func() bool {
		conn, err := tls.Dial("tcp", s.addr, &tls.Config{RootCAs: trusted, ServerName: "sidecar.example", Certificates: []tls.Certificate{shop}})
		if err != nil {
			return false
		}
		defer conn.Close()
		return bytes.Equal(conn.ConnectionState().PeerCertificates[0].Raw, renewed.Certificate[0])
	})
	res, err := call(t, post(validBody()), shop)
	require.NoError(t, err)
	requireSuccess(t, res)
}

// issueToCaller issues a client certificate whose subject is just the name.
func (a authority) issueToCaller(t *testing.T, name string, expires time.Time) tls.Certificate {
	t.Helper()
	return a.IssueToClient(t, name, time.Now().Add(-2*time.Hour), expires)
}
