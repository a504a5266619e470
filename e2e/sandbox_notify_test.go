package e2e

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// One sidecar is both the sandbox and the verifier of its notifications, as docs/sandbox.md shows:
// the application gets the sandbox's notifications with the proof, and no others.
func TestSandboxNotifiesItsOwnSidecar(t *testing.T) {
	t.Parallel()
	application := startApplication(t)
	port := strconv.Itoa(testnet.FreePort(t))
	config := strings.NewReplacer(":8080", ":"+port, "127.0.0.1:3000", application.address).Replace(onSandboxPage(t, "notifications.caddyfile"))
	s := start(t, "127.0.0.1:"+port, config, nil)

	res := s.send(t, toEndpoint("applyDropinSession", `{"data":{"totalAmount":40000,"currency":"IDR","country":"ID","userId":"U10001"}}`))
	require.Equal(t, http.StatusOK, res.status, "%s", res.body)
	session := regexp.MustCompile(`"sessionKey":"([^"]+)"`).FindStringSubmatch(string(res.body))
	require.NotNil(t, session, "%s", res.body)
	order, _ := payment("orderAndPay", "P")
	order = strings.Replace(order, `"sessionKey":"bdsf8982348974hhf82934bf8239424"`, `"sessionKey":"`+session[1]+`"`, 1)
	body := strings.Replace(order[strings.Index(order, "{"):], `"integrate"`, `"notifyUrl":"http://127.0.0.1:`+port+`/payermax/callback","integrate"`, 1)
	res = s.send(t, toEndpoint("orderAndPay", body))
	require.Equal(t, http.StatusOK, res.status, "%s", res.body)

	said, err := caddyCommand(t, t.Context(), nil, "payermax-doctor", "--offline", "--config", s.config, "--adapter", "caddyfile").CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Contains(t, string(said), "PayerMax's notifications are refused")
	assert.NotContains(t, string(said), "it is not configured, so answers are passed on")
	assert.NotContains(t, string(said), "follows the sandbox", "the proxy is the notifications' way")

	var arrived []reached
	await(t, patience, "the notification", func() bool {
		arrived = append(arrived, application.taken()...)
		return len(arrived) > 0
	})
	got := arrived[0]
	assert.Contains(t, got.body, `"notifyType":"PAYMENT"`)
	assert.Regexp(t, "^sha256:", got.Header.Get("Payermax-Verified"))
	await(t, patience, "its acknowledgement", func() bool {
		return strings.Contains(get(t, "http://"+s.addr+"/sandbox/notifications"), `"state":"delivered"`)
	})

	forged, err := http.Post("http://127.0.0.1:"+port+"/payermax/callback", "application/json", strings.NewReader(got.body))
	require.NoError(t, err)
	forged.Body.Close()
	assert.Equal(t, http.StatusForbidden, forged.StatusCode)
	assert.Empty(t, application.taken())
}

// A setup with only one half of this accepts no notification, and says so at the start.
func TestSandboxNotificationsNeedBothHalves(t *testing.T) {
	t.Parallel()
	const sandbox, notified, byFile = "payermax /aggregate-pay/* {\ngateway sandbox\n}\n", "payermax_notify /callback* {\nsandbox\n}\n", "by gateway_public_key, but the embedded sandbox"
	const otherMerchant = "is not that of a merchant of the sandbox, so every notification is refused as other_merchant"
	real := notifyBlock(t, "/callback*")
	for name, test := range map[string]struct{ lines, says string }{
		"no sandbox":           {notified, "no payermax of this config has gateway sandbox, so every notification is refused"},
		"the key in a file":    {sandbox + real, byFile},
		"both":                 {sandbox + notified, ""},
		"both, and PayerMax's": {sandbox + notified + strings.ReplaceAll(real, "/callback*", "/payermax*"), ""},
		"PayerMax's alone":     {real, ""},
		"for another merchant": {sandbox + strings.Replace(notified, "sandbox\n", "sandbox\napp_id other\nmerchant_no 99\n", 1), otherMerchant},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSite(t, test.lines, "reverse_proxy /callback* 127.0.0.1:1")
			if test.says != "" {
				s.AwaitLine(t, `"level":"warn"`, test.says, "; write ")
				said, err := caddyCommand(t, t.Context(), nil, "payermax-doctor", "--offline", "--config", s.config, "--adapter", "caddyfile").CombinedOutput()
				require.NoError(t, err, "%s", said)
				assert.Contains(t, string(said), "[warning] sandbox: ")
				assert.Contains(t, strings.Join(strings.Fields(string(said)), " "), test.says)
				return
			}
			for _, warning := range []string{otherMerchant, "has gateway sandbox", byFile} {
				s.NeverPrints(warning)
			}
		})
	}
}

// toEndpoint is like post, for another endpoint.
func toEndpoint(endpoint, body string) string {
	return requestWith("POST /aggregate-pay/api/gateway/"+endpoint+" HTTP/1.1", body)
}
