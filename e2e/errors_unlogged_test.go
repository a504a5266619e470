package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// If the application is unreachable, neither Caddy nor the sidecar logs a notification's signature
// at any level that is on by default. handle_errors gets the error as usual, and the log says why
// the notification did not reach the application.
func TestErrorsShowNoSignature(t *testing.T) {
	t.Parallel()
	port, away := testnet.FreePort(t), testnet.FreePort(t)
	app := fmt.Sprintf("reverse_proxy 127.0.0.1:%d\n", away)
	site := func(name string, lines ...string) string {
		return fmt.Sprintf("http://%s.test:%d {\nbind 127.0.0.1\n%s\n}\n", name, port, strings.Join(lines, "\n"))
	}
	after := notifyBlock(t, "/payermax/callback*", "ack after", "duplicates 1h")
	s := start(t, "127.0.0.1:"+strconv.Itoa(port), "{\nadmin off\npersist_config off\n}\n"+
		site("plain", notifyBlock(t, "/payermax/callback*"), app)+
		site("after", after, app)+
		site("inside", "handle /payermax/callback* {", notifyBlock(t, ""), app, "}")+
		site("handled", after, app, "handle_errors {\nrespond `{method} {path} {err.status_code}` 503\n}")+
		site("other", after, app, "handle_errors 404 {\nrespond elsewhere\n}")+
		site("failing", after, app, "handle_errors {\n"+app+"}"), nil)

	lines, notAccepted := 0, []string{`"msg":"notification"`, `"result":"not_accepted"`, `"error":"connection_refused"`, "connection refused"}
	for _, test := range []struct {
		host, path string
		status     int
		body       string
	}{
		{"plain", "/payermax/callback", http.StatusBadGateway, ""},
		{"plain", "/payermax/rfi", http.StatusBadGateway, ""}, // notifications that the application verifies itself
		{"after", "/payermax/callback", http.StatusBadGateway, ""},
		{"inside", "/payermax/callback", http.StatusBadGateway, ""},
		{"handled", "/payermax/callback", http.StatusServiceUnavailable, "POST /payermax/callback 502"},
		{"handled", "/payermax/rfi", http.StatusServiceUnavailable, "POST /payermax/rfi 502"},
		{"other", "/payermax/callback", http.StatusBadGateway, ""},
		{"failing", "/payermax/callback", http.StatusBadGateway, ""},
	} {
		name := test.host + test.path
		signature := strings.TrimPrefix(signField(paid()), "sign: ")
		res := s.send(t, notifying(test.path, paid(), "Host: "+test.host+".test"))
		assert.Equal(t, test.status, res.status, name)
		assert.Equal(t, test.body, string(res.body), name)
		if strings.HasSuffix(test.path, "/callback") {
			lines++
			s.AwaitLines(t, lines, notAccepted...)
		}
		s.NeverPrints(signature[:40])
	}
	s.Prints(t, lines, notAccepted...)
	s.AwaitLine(t, `"msg":"a handler failed"`, `"error":"connection_refused"`)
	s.NeverPrints(`"logger":"http.log.error`)
	s.NeverPrints(`"msg":"notification"`, `"status":0`)
}
