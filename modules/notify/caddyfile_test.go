package notify

import (
	"encoding/json"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
)

// The JSON of the directives: payermax_notify adds the guard, which sees more requests than
// payermax_notify itself.
func TestDirectives(t *testing.T) {
	const guard = `{"handle":[{"handler":"payermax_notify_guard"}]}`
	for caddyfile, want := range map[string]string{
		"payermax_notify": `{"handle":[{"handler":"subroute","routes":[` + guard + `,{"handle":[{"handler":"payermax_notify"}]}]}]}`,
		"payermax_notify /callback* {\nsandbox\n}": `{"handle":[{"handler":"subroute","routes":[` + guard + `,
			{"match":[{"path":["/callback*"]}],"handle":[{"handler":"payermax_notify","sandbox":true}]}]}]}`,
		`payermax_notify {
			gateway_public_key a.pub b.pub
			app_id a b
			merchant_no 1
			max_body_size 1KiB
			ack after
			duplicates 24h
			store memory
		}`: `{"handle":[{"handler":"subroute","routes":[` + guard + `,{"handle":[{"handler":"payermax_notify",
			"gateway_public_keys":["a.pub","b.pub"],"app_ids":["a","b"],"merchant_nos":["1"],
			"max_body_size":1024,"ack":"after","duplicates":86400000000000,"store":{"module":"memory"}}]}]}]}`,
		"payermax_notify_guard": guard,
	} {
		t.Run(caddyfile, func(t *testing.T) {
			config := testcaddy.Adapted(t, ":8080 {\nroute {\n"+caddyfile+"\n}\n}")
			server := config["apps"].(map[string]any)["http"].(map[string]any)["servers"].(map[string]any)["srv0"].(map[string]any)
			route := server["routes"].([]any)[0].(map[string]any)["handle"].([]any)[0].(map[string]any)["routes"].([]any)[0]
			got, err := json.Marshal(route)
			require.NoError(t, err)
			assert.JSONEq(t, want, string(got))
		})
	}
	for caddyfile, says := range map[string]string{
		"payermax_notify @nobody":               "@nobody",
		"payermax_notify {\nacknowledge\n}":     "acknowledge",
		"payermax_notify_guard /callback*":      "takes no matcher and no options",
		"payermax_notify_guard {\nack after\n}": "takes no matcher and no options",
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\nroute {\n"+caddyfile+"\n}\n}"), nil)
		assert.ErrorContains(t, err, says)
	}
}
