package notify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/embedded"
	"github.com/caddy-payermax/caddy-payermax/internal/gateways"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Warnings when a config is loaded: each appears once per handler, wherever the handler is,
// and a correct config has none.
func TestProvisionSays(t *testing.T) {
	key := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	verifies := func(options string) string {
		return fmt.Sprintf(`{"handler":"payermax_notify","gateway_public_keys":[%q]%s}`, key, options)
	}
	const (
		ours   = `,"app_ids":["app"]`
		guards = `{"handler":"payermax_notify_guard"}`
		app    = `{"handler":"reverse_proxy","upstreams":[{"dial":"127.0.0.1:3000"}]}`
		admin  = `"payermax_admin_endpoint":{},` // present if the admin endpoint is on

		forged, anybody, sandbox, endpoint = "does not see every request", "neither app_id nor merchant_no", "the notifications of the embedded sandbox", "admin endpoint is on"

		example = "is a placeholder from the examples"
	)
	for name, test := range map[string]struct {
		handlers []string
		apps     string
		says     map[string]int // how often
		refused  string
	}{
		"nothing":                  {[]string{guards, verifies(ours), app}, "", nil, ""},
		"that it is not guarded":   {[]string{verifies(ours), app}, "", map[string]int{forged: 1}, ""},
		"that two are not guarded": {[]string{verifies(ours), verifies(ours), app}, "", map[string]int{forged: 2}, ""},
		"that it is for anybody":   {[]string{guards, verifies(""), app}, "", map[string]int{anybody: 1}, ""},
		"that it is the sandbox":   {[]string{guards, `{"handler":"payermax_notify","sandbox":true}`, app}, "", map[string]int{sandbox: 1}, ""},
		"that it has examples": {[]string{guards, verifies(`,"app_ids":["app","your-app-id"],"merchant_nos":["` + protocol.ExampleMerchantNo + `"]`), app}, "",
			map[string]int{example: 2}, ""},
		"that it is the sandbox, for the example": {[]string{guards, `{"handler":"payermax_notify","sandbox":true,"app_ids":["` + protocol.ExampleAppID + `"]}`, app}, "",
			map[string]int{sandbox: 1}, ""},
		"that admin is on": {[]string{guards, verifies(ours), app}, admin, map[string]int{endpoint: 1}, ""},
		"that it leads back": {[]string{guards, verifies(ours), strings.Replace(app, "3000", "8443", 1)}, "", nil,
			"notifications would come back to this site, which is served at 127.0.0.1:8443"},
	} {
		t.Run(name, func(t *testing.T) {
			var config map[string]any
			require.NoError(t, json.Unmarshal([]byte(`{"admin":{"disabled":true},"apps":{`+test.apps+
				`"http":{"servers":{"s":{"listen":["127.0.0.1:8443"],"routes":[{"handle":[`+strings.Join(test.handlers, ",")+`]}]}}}}}`), &config))
			logged, err := testcaddy.Loaded(t, config)
			if test.refused != "" {
				require.ErrorContains(t, err, test.refused)
				return
			}
			require.NoError(t, err)
			for _, words := range []string{forged, anybody, sandbox, endpoint, example} {
				assert.Equal(t, test.says[words], strings.Count(logged, words), "%s\n%s", words, logged)
			}
		})
	}
}

// All series exist before the first notification, so that it counts as an increase.
func TestSeriesBeginAtZero(t *testing.T) {
	notifications.Reset()
	ctx := testcaddy.Context(t)
	n := &Handler{GatewayPublicKeys: []string{testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)}}
	require.NoError(t, n.Provision(ctx))
	defer func() { require.NoError(t, n.Cleanup()) }()
	families, err := ctx.GetMetricsRegistry().Gather()
	require.NoError(t, err)
	series := make(map[string]int)
	for _, family := range families {
		series[family.GetName()] = len(family.GetMetric())
	}
	assert.Equal(t, len(results), series["caddy_payermax_notifications_total"])
	assert.Equal(t, 1, series["caddy_payermax_notifications_unguarded_total"])

	taken := testcaddy.Context(t)
	taken.GetMetricsRegistry().MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "caddy_payermax_notifications_total", Help: "Others."}))
	assert.ErrorContains(t, (&Handler{GatewayPublicKeys: n.GatewayPublicKeys}).Provision(taken), "registering metrics")
}

// With sandbox, notifications of the embedded sandbox pass and PayerMax's do not. While the
// handler is in use, probes and metrics show both its key and the sandbox.
func TestNotificationsOfTheEmbeddedSandbox(t *testing.T) {
	ctx := testcaddy.Context(t)
	n := &Handler{Sandbox: true}
	require.NoError(t, n.Provision(ctx))
	assert.Contains(t, keys.InUse(), n.keyring)
	assert.True(t, gateways.HasSandbox())

	key, err := embedded.SigningKey(ctx)
	require.NoError(t, err)
	signature, err := signer.Sign(t.Context(), key, []byte(paymentNotification))
	require.NoError(t, err)
	r := notify(t, paymentNotification)
	r.Header.Set("Sign", signature)
	assert.Equal(t, http.StatusOK, deliver(t, n, r, saying(acknowledgement)).Code)
	assert.Equal(t, http.StatusForbidden, deliver(t, n, notify(t, paymentNotification), testcaddy.Unreachable(t)).Code)

	require.NoError(t, n.Cleanup())
	assert.NotContains(t, keys.InUse(), n.keyring)
	assert.False(t, gateways.HasSandbox())
}
