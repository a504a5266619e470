package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// knownClient is a publicly available client of PayerMax's gateway. clients_sent_test.go records
// what it sends, with the source.
type knownClient struct {
	name  string
	base  string // of its URLs
	calls []knownCall
}

// knownCall is a call of such a client.
type knownCall struct {
	name string
	send func(c sdkConfig) sdkCall
	// refused is the field and the rule for which the sidecar refuses the call with the default
	// configuration. why says what is wrong with the call.
	refused, why string
}

const clientsPage = "../docs/clients.md"

// Everything that PayerMax publishes and that known clients of its gateway send passes with the
// default configuration, or docs/clients.md gives the reason. This test writes the page's table
// (-update).
func TestKnownClients(t *testing.T) {
	var rows []string
	for _, client := range knownClients {
		gateway, alone := newRecorder(t), newRecorder(t)
		s := startSidecar(t, setup{gateway: gateway.url, options: "endpoints drop_in"})
		for _, call := range client.calls {
			name := client.name + ": " + call.name
			config := migrated(officialSDK{base: client.base})
			config.now = config.now.Truncate(time.Second).Add(120 * time.Millisecond) // the Go SDK drops the trailing zero
			sent := call.send(config)
			res := s.send(t, sent.raw())
			through := ""
			if call.refused != "" {
				var answer refusal
				require.NoError(t, json.Unmarshal(res.body, &answer), name)
				require.Len(t, answer.Errors, 1, "%s: %s", name, res.body)
				require.Equal(t, call.refused, answer.Errors[0].Field+" "+answer.Errors[0].Rule, name)
				require.Empty(t, gateway.seen(), name)
				through = fmt.Sprintf("refused, `%s`: %s", call.refused, call.why)
			} else {
				got := gateway.one(t)
				require.True(t, got.Verified, "%s: %s %s", name, got.Unverified, res.raw)
				requireDataKept(t, sent.body, string(got.Body))
				require.Equal(t, "APPLY_SUCCESS", got.Code, "%s: %s", name, got.Msg)
				through = "passes"
				if disputed := disputedIn(t, s, res); len(disputed) > 0 {
					through += "; disputed: " + strings.Join(disputed, ", ")
				}
			}
			rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |", client.name, call.name, through, atSandboxAlone(t, alone, call, config)))
			settle(t, gateway, alone)
		}
	}
	markdown.HoldTable(t, clientsPage, "client", rows, *updateDocs)
}

// requireDataKept checks that data is sent on byte for byte.
func requireDataKept(t *testing.T, sent, got string) {
	t.Helper()
	var mine, theirs map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(got), &mine))
	require.NoError(t, json.Unmarshal([]byte(sent), &theirs))
	require.Equal(t, string(theirs["data"]), string(mine["data"]))
}

// disputedIn returns the disputed rules in the call's log line, which the metric has counted as
// well.
func disputedIn(t *testing.T, s *sidecar, res *response) []string {
	t.Helper()
	var disputed []string
	s.Await(t, "to print the call's line", func(soFar testprocess.Printed) bool {
		for _, line := range soFar.Lines(`"msg":"call"`) {
			var entry struct {
				RequestID string   `json:"request_id"`
				Disputed  []string `json:"disputed"`
				Msg       string   `json:"msg"`
			}
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "call" && entry.RequestID == res.header.Get("Payermax-Request-Id") {
				disputed = entry.Disputed
				return true
			}
		}
		return false
	})
	for i, rule := range disputed {
		disputed[i] = "`" + rule + "`"
	}
	return disputed
}

// atSandboxAlone says how the sandbox judges a call that a client signs itself.
func atSandboxAlone(t *testing.T, gateway *recorder, call knownCall, config sdkConfig) string {
	t.Helper()
	config.key = testkeys.Merchant()
	config.base = gateway.url + strings.TrimPrefix(config.base, "http://127.0.0.1:8080")
	sent := call.send(config)
	alone := &sidecar{addr: strings.TrimPrefix(gateway.url, "http://")}
	alone.send(t, sent.raw())
	got := gateway.one(t)
	if got.Code != "APPLY_SUCCESS" && call.refused != "" { // possibly before it checked the signature
		return fmt.Sprintf("refused, `%s`: %s", got.Code, got.Msg)
	}
	require.True(t, got.Verified, "%s: %s", call.name, got.Unverified)
	if got.Code != "APPLY_SUCCESS" {
		return fmt.Sprintf("refused, `%s`: %s", got.Code, got.Msg)
	}
	if len(got.Deviations) == 0 {
		return "passes"
	}
	return "passes; " + strings.Join(got.Deviations, "; ")
}

// settle ends the pending order P1 of the sandboxes, so that it can be refunded.
func settle(t *testing.T, gateways ...*recorder) {
	t.Helper()
	for _, gateway := range gateways {
		res, err := http.Post(gateway.url+"/sandbox/settle", "application/json", strings.NewReader(`{"outTradeNo":"P1","status":"SUCCESS"}`))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
}
