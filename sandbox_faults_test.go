package payermax

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/sandbox"
)

// faultRow is the effect of a fault, as the page or a test states it.
type faultRow struct {
	fault      string
	carriedOut bool
	// status and code are those of the application's answer; error is the one in its
	// Proxy-Status, or "".
	status, code, error string
}

// faultRows are the rows of the table of faults in docs/sandbox.md.
func faultRows(t *testing.T) []faultRow {
	t.Helper()
	section, err := markdown.Section(markdown.Page(t, "docs/sandbox.md"), "Make calls go wrong")
	require.NoError(t, err)
	_, table, found := strings.Cut(section, "\n### The faults\n")
	require.True(t, found)
	answers := regexp.MustCompile("^(\\d+) `([A-Z_]+)`(?:, `([a-z_]+)`)?(?:;|$)")
	var rows []faultRow
	for _, cells := range markdown.Rows(table) {
		require.Len(t, cells, 4)
		said := answers.FindStringSubmatch(cells[3])
		require.NotNil(t, said, "%s: the answer must begin with its status and code: %s", cells[0], cells[3])
		require.Contains(t, []string{"yes", "no"}, cells[2], cells[0])
		rows = append(rows, faultRow{strings.Trim(cells[0], "`"), cells[2] == "yes", said[1], said[2], said[3]})
	}
	require.NotEmpty(t, rows)
	return rows
}

// atSandbox is a sidecar whose gateway is a sandbox, embedded or not.
type atSandbox struct {
	*Handler
	next    func(http.ResponseWriter, *http.Request) error
	control http.Handler
}

// embeddedAndNot returns two sidecars: one with the embedded sandbox, and one that
// reaches a sandbox over the network through reverse_proxy.
func embeddedAndNot(t *testing.T, timeout time.Duration) map[string]atSandbox {
	t.Helper()
	options := func(h *Handler) { h.Endpoints, h.Timeout = []string{"drop_in"}, caddy.Duration(timeout) }
	embedded := &Handler{Sandbox: true}
	options(embedded)
	require.NoError(t, testcaddy.Provision(t, embedded))

	gateway, err := sandbox.New(gatewayKey(), sandbox.Merchant{AppID: "app", PublicKey: &merchantKey().PublicKey})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, gateway.Stop()) })
	server := httptest.NewServer(gateway)
	t.Cleanup(server.Close)
	proxy, err := testcaddy.Context(t).LoadModuleByID("http.handlers.reverse_proxy", caddyconfig.JSON(map[string]any{
		"transport": map[string]any{"protocol": "payermax"},
		"upstreams": []any{map[string]any{"dial": server.Listener.Addr().String()}},
	}, nil))
	require.NoError(t, err)
	return map[string]atSandbox{
		"embedded": {embedded, testcaddy.Unreachable(t), embedded.sandbox},
		"not embedded": {newHandler(t, verifying(t), options), func(w http.ResponseWriter, r *http.Request) error {
			return proxy.(caddyhttp.MiddlewareHandler).ServeHTTP(w, r, testcaddy.Unreachable(t))
		}, gateway},
	}
}

// fail makes the sandbox apply a fault to the next order.
func (s atSandbox) fail(t *testing.T, fault string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.control.ServeHTTP(w, httptest.NewRequest(http.MethodPut, "/sandbox/faults",
		strings.NewReader(fmt.Sprintf(`{"endpoint":"orderAndPay","fault":%q}`, fault))))
	require.Equal(t, http.StatusNoContent, w.Code, "%s", w.Body)
}

// call makes a call as the application would.
func (s atSandbox) call(t *testing.T, endpoint, data string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, protocol.PathPrefix+endpoint, strings.NewReader(`{"data":`+data+`}`))
	r.Header.Set("Content-Type", "application/json")
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, new(caddyhttp.Server))
	w := httptest.NewRecorder()
	require.NoError(t, s.ServeHTTP(w, r, caddyhttp.HandlerFunc(s.next)))
	return w
}

// requireFault places an order with a fault, and checks what the application gets and
// whether the order exists.
func (s atSandbox) requireFault(t *testing.T, fault string, want faultRow, number string) {
	t.Helper()
	s.fail(t, fault)
	w := s.call(t, "orderAndPay", `{"outTradeNo":"`+number+`","integrate":"Direct_Payment","subject":"Socks","totalAmount":19.99,"currency":"USD",`+
		`"country":"US","userId":"U1","terminalType":"WEB","paymentDetail":{"paymentToken":"any","sessionKey":"`+s.session(t)+`",`+
		`"buyerInfo":{"clientIp":"127.0.0.1","userAgent":"test"}}}`)
	status := w.Header().Get("Proxy-Status")
	assert.Equal(t, want.status+" "+want.code, fmt.Sprint(w.Code, " ", codeIn(w)), status)
	said := ""
	if match := regexp.MustCompile(`; error=([a-z_]+)`).FindStringSubmatch(status); match != nil {
		said = match[1]
	}
	assert.Equal(t, want.error, said)

	found := map[bool]string{true: protocol.CodeApplySuccess, false: "ORDER_NOT_EXIST"}[want.carriedOut]
	assert.Equal(t, found, codeIn(s.call(t, "orderQuery", `{"outTradeNo":"`+number+`"}`)))
	// If any part of an answer has arrived, the answer is marked as a sandbox's.
	if s.Sandbox || want.error != "connection_terminated" && want.error != "http_response_timeout" {
		assert.True(t, strings.HasSuffix(status, "; sandbox"), status)
	}
}

// session opens a session.
func (s atSandbox) session(t *testing.T) string {
	t.Helper()
	var answer struct{ Data struct{ SessionKey string } }
	w := s.call(t, "applyDropinSession", `{"totalAmount":"19.99","currency":"USD","country":"US","userId":"U1"}`)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.NotEmpty(t, answer.Data.SessionKey, "%s", w.Body)
	return answer.Data.SessionKey
}

// codeIn returns the code of an answer.
func codeIn(w *httptest.ResponseRecorder) string {
	var answer struct{ Code string }
	_ = json.Unmarshal(w.Body.Bytes(), &answer) // without one, the code stays empty
	return answer.Code
}

// To the application, a fault of the embedded sandbox looks like one of a gateway on a
// network, and as the page describes it.
func TestFaultsAreAlikeEmbeddedAndNot(t *testing.T) {
	rows := faultRows(t)
	for where, s := range embeddedAndNot(t, defaultTimeout) {
		for i, row := range rows {
			t.Run(where+"/"+row.fault, func(t *testing.T) {
				fault := strings.Replace(row.fault, "latency=2s", "latency=1ms", 1)
				s.requireFault(t, fault, row, fmt.Sprint("P", i))
			})
		}
	}
}

// An answer that is delayed past the timeout is lost, wherever the sandbox is.
func TestLatencyPastTheTimeout(t *testing.T) {
	for where, s := range embeddedAndNot(t, 10*time.Second) {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			s.requireFault(t, "latency=5m", faultRow{carriedOut: true, status: "504", code: "REQUEST_TIMEOUT", error: "http_response_timeout"}, "P1")
		})
	}
}
