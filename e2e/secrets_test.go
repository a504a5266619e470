package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// The canaries. Each enters the sidecar in a different way.
const (
	canaryData    = "canary-in-the-data"
	canaryMember  = "canary-in-a-name"
	canarySign    = "canary-in-the-sign"
	canaryCookie  = "canary-in-a-cookie"
	canaryBearer  = "canary-in-authorization"
	canaryAnswer  = "canary-in-the-answer"
	canaryTrailer = "canary-in-a-trailer"
)

// Whatever happens to a call, the process prints no key, no signature and nothing of a body, even
// with the access log and debug on.
func TestLogsHaveNoSecrets(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), options: "timeout 3s\n" + retryEagerly, site: "log"})
	provoke(t, gateway, s)

	s.requireTalkative(t)
	s.AwaitLine(t, `"msg":"handled request"`, `"payermax.endpoint":"applyDropinSession"`, `"payermax.outcome":"answered"`)
	var kept strings.Builder
	for _, line := range s.terminate(t).Lines() {
		kept.WriteString(withoutRequestFields(t, line))
	}
	requireNoSecrets(t, gateway, kept.String())
}

// Caddy's access log contains the header fields that the application sent, and hides only those
// that Caddy knows to be secret. A filter removes them all.
func TestLogsHaveNoSecretsOfTheApplication(t *testing.T) {
	t.Parallel()
	gateway := newUpstream(t)
	s := startSidecar(t, setup{gateway: gateway.url(), options: "timeout 3s\n" + retryEagerly,
		site: "log {\nformat filter {\nrequest>headers delete\n}\n}"})
	provoke(t, gateway, s)
	s.requireTalkative(t)
	requireNoSecrets(t, gateway, string(s.terminate(t)))
}

// requireTalkative checks that the debug log and the access log are on, because secrets would
// appear there.
func (s *sidecar) requireTalkative(t *testing.T) {
	t.Helper()
	s.AwaitLine(t, `"msg":"upstream roundtrip"`)
	s.AwaitLine(t, `"msg":"handled request"`)
}

// withoutRequestFields removes from an access log line the header fields that the application sent.
func withoutRequestFields(t *testing.T, line string) string {
	t.Helper()
	var entry map[string]any
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		return line
	}
	if logger, _ := entry["logger"].(string); strings.HasPrefix(logger, "http.log.access") {
		delete(entry["request"].(map[string]any), "headers")
	}
	kept, err := json.Marshal(entry)
	require.NoError(t, err)
	return string(kept) + "\n"
}

// provoke triggers everything that could make the sidecar print a secret, with canaries in every
// part of every request.
func provoke(t *testing.T, gateway *upstream, s *sidecar) {
	t.Helper()
	fields := []string{
		"sign: " + canarySign, "Connection: sign", "Cookie: session=" + canaryCookie,
		"Authorization: Bearer " + canaryBearer, "Proxy-Authorization: Basic " + canaryBearer,
	}
	body := `{"` + canaryMember + `":"` + canaryData + `","data":{"totalAmount":1,"currency":"IDR","country":"ID","userId":"` +
		canaryData + `","` + canaryMember + `":"` + canaryData + `"}}`
	answer := strings.Replace(success, "Success.", canaryAnswer, 1)

	gateway.answers(answerWith(signed(answer)))
	require.Equal(t, http.StatusOK, s.post(t, body, fields...).status)
	trailers := append([]string{"Content-Length:", "Transfer-Encoding: chunked", "Trailer: sign"}, fields...)
	require.Equal(t, http.StatusOK, s.send(t, post(chunked(body, 9, "sign: "+canaryTrailer), trailers...)).status)

	// Requests that the sidecar refuses.
	for _, refused := range []string{
		strings.Replace(body, `"ID"`, `"`+canaryData+`"`, 1), // by the rules
		strings.Replace(body, `"IDR"`, `"`+canaryData, 1),    // by the reader
		strings.Replace(body, `{"`, `{"appId":"`+canaryData+`","`, 1),
		body + canaryData,
		canaryData,
		"\xff" + canaryData,
	} {
		res := s.post(t, refused, fields...)
		require.Equal(t, http.StatusBadRequest, res.status)
		assert.NotContains(t, string(res.raw), canaryData)
	}
	require.Equal(t, http.StatusUnsupportedMediaType, s.post(t, body, append(fields, "Content-Type: "+canaryData)...).status)

	// Answers that are withheld, or that never arrive.
	for _, reply := range []reply{
		answerWith(message("200 OK", answer, typeJSON)),
		answerWith(message("200 OK", answer+" ", typeJSON, signField(answer))),
		answerWith(message("500 Internal Server Error", "<html>"+canaryAnswer, signField(answer))),
		answerWith(message("200 OK", chunked(answer, 9, signField(answer)), "Transfer-Encoding: chunked", "Trailer: sign", "X-A: 1")),
		closing(message("200 OK", answer, signField(answer), "Content-Length: 5000")),
		closing([]byte("not HTTP")),
		closing(nil),
		stalling(nil),
		stalling(message("200 OK", answer, signField(answer), "Content-Length: 5000")),
		closing([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n" + signField(answer) + "\r\n\r\n")),
		func(conn net.Conn, _ *request) bool { reset(conn); return false },
	} {
		gateway.answers(reply)
		_ = s.post(t, body, append(fields, "Idempotency-Key: x")...)
	}
	gateway.close()
	require.Equal(t, http.StatusBadGateway, s.post(t, body, fields...).status)
}

// requireNoSecrets checks that nothing secret was printed.
func requireNoSecrets(t *testing.T, gateway *upstream, printed string) {
	t.Helper()
	for _, canary := range []string{canaryData, canaryMember, canarySign, canaryCookie, canaryBearer, canaryAnswer, canaryTrailer} {
		assert.False(t, strings.Contains(printed, canary), "%s was printed: %s", canary, linesWith(printed, canary))
	}
	for _, key := range []string{testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())), testkeys.OneLine(testkeys.PKCS1(testkeys.Merchant()))} {
		requireNoKey(t, printed, key)
	}
	answer := strings.Replace(success, "Success.", canaryAnswer, 1)
	signatures := []string{sign(testkeys.Gateway(), []byte(answer))}
	for _, r := range gateway.received() {
		signatures = append(signatures, r.values("sign")...)
	}
	for _, signature := range signatures {
		part := signature[:20] // even this much must not be printed
		require.False(t, strings.Contains(printed, part), "a signature was printed: %s", linesWith(printed, part))
	}
}

// linesWith shows where a text contains a part: the beginnings of the first lines that do.
func linesWith(text, part string) string {
	const lines, columns = 3, 400
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			found = append(found, line[:min(len(line), columns)])
		}
	}
	return fmt.Sprintf("%d lines, such as\n%s", len(found), strings.Join(found[:min(len(found), lines)], "\n"))
}

// With the filter that the page shows, no line of Caddy's access log contains a token from the
// application's header.
func TestAccessLogHidesTokens(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	const filter = "log {\n\tformat filter {\n\t\trequest>headers>Merchantauthtoken delete\n\t}\n}\n"
	require.Contains(t, string(page), filter)

	gateway := newUpstream(t)
	gateway.lenient = true // accepts the token's field
	port := testnet.FreePort(t)
	addr := "127.0.0.1:" + strconv.Itoa(port)
	block := payermaxBlock(t, setup{gateway: gateway.url(), options: "sp_merchant_no 300\nmerchant_auth_token {http.request.header.merchantAuthToken}"})
	s := start(t, addr, caddyfile(port, filter+block), nil)
	requireSuccess(t, s.send(t, strings.Replace(post(validBody()), "\r\n\r\n", "\r\nmerchantAuthToken: "+canaryBearer+"\r\nX-Seen: seen\r\n\r\n", 1)))
	assert.Equal(t, []string{canaryBearer}, gateway.only(t).values("merchant_auth_token"))
	s.AwaitLine(t, `"logger":"http.log.access`, `"X-Seen":["seen"]`)
	s.NeverPrints(canaryBearer)
}

// If a password is in the wrong place in the config, nothing that the commands print about the
// config contains it.
func TestErrorsAboutTheConfigRepeatNoPassword(t *testing.T) {
	t.Parallel()
	const password = "canary-password"
	at := "http://user:" + password + "@127.0.0.1:3128"
	proxied := func(line string) string {
		return caddyfile(0, "payermax {\ngateway uat\ntransport http {\n"+line+"\n}\n}")
	}
	inJSON := `{"apps":{"http":{"servers":{"s":{"listen":[":0"],"routes":[{"handle":[{"handler":"reverse_proxy",
		"upstreams":[{"dial":"127.0.0.1:1"}],"transport":{"protocol":"payermax","network_proxy":{"from":"` + at + `"}}}]}]}}}}}`
	for name, test := range map[string]struct {
		command, adapter, config, says string
	}{
		"a proxy without url":  {"adapt", "caddyfile", proxied("network_proxy " + at), "for the URL of a proxy, write url before it"},
		"no name of an option": {"validate", "caddyfile", proxied(at), "unrecognized subdirective ***"},
		"too many words":       {"run", "caddyfile", caddyfile(0, "payermax {\ngateway uat\nheader_up X-Token Bearer a "+password+"\n}"), "wrong argument count"},
		"a store by its URL":   {"validate", "caddyfile", caddyfile(0, "payermax_notify {\nduplicates 1h\nstore redis://:"+password+"@127.0.0.1\n}"), "payermax.stores.***"},
		"a proxy in JSON":      {"run", "", inJSON, "network_proxy: this program has no module"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "config.json")
			// Without debug, because Caddy's own debug log prints the whole config.
			require.NoError(t, os.WriteFile(file, []byte(strings.Replace(test.config, "debug\n", "", 1)), 0o600))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			printed, err := caddyCommand(t, ctx, nil, test.command, "--config", file, "--adapter", test.adapter).CombinedOutput()
			require.Error(t, err)
			require.NoError(t, ctx.Err())
			assert.Contains(t, string(printed), test.says)
			assert.NotContains(t, string(printed), password)
		})
	}
}
