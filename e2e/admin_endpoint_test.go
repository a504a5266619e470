package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// adminWarning matches the warning that the admin endpoint is on.
var adminWarning = []string{`"level":"warn"`, "admin endpoint is on", "admin off"}

// With Caddy's admin endpoint on, the log warns at each start and reload what the endpoint lets
// others do. With the endpoint off, there is no such warning.
func TestAdminEndpointWarns(t *testing.T) {
	t.Parallel()
	notify := "payermax_notify /callback {\ngateway_public_key " + testkeys.WritePublic(t, &testkeys.Gateway().PublicKey) + "\n}\n"
	sandbox := "payermax_sandbox {\nmerchant {\napp_id app\npublic_key " + testkeys.WritePublic(t, &testkeys.Merchant().PublicKey) + "\n}\n}"
	on := func(t *testing.T) string { return "admin 127.0.0.1:" + strconv.Itoa(testnet.FreePort(t)) }
	off := func(*testing.T) string { return "admin off" }

	for name, test := range map[string]struct {
		admin  []func(*testing.T) string // of the initial config, and of each reload
		site   string
		counts []int
	}{
		"on":                {[]func(*testing.T) string{on}, payermaxBlock(t, setup{gateway: "uat"}), []int{1}},
		"on, two handlers":  {[]func(*testing.T) string{on}, notify + payermaxBlock(t, setup{gateway: "uat"}), []int{1}},
		"on, notifications": {[]func(*testing.T) string{on}, notify, []int{1}},
		"on, a sandbox":     {[]func(*testing.T) string{on}, sandbox, []int{0}}, // its keys protect nothing
		"off":               {[]func(*testing.T) string{off}, payermaxBlock(t, setup{gateway: "uat"}), []int{0}},
		"off, on, on, off":  {[]func(*testing.T) string{off, on, on, off}, payermaxBlock(t, setup{gateway: "uat"}), []int{0, 1, 2, 2}},
		"on, off":           {[]func(*testing.T) string{on, off}, payermaxBlock(t, setup{gateway: "uat"}), []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := testnet.FreePort(t)
			config := func(i int) string {
				return strings.Replace(caddyfile(port, test.site), "admin off", test.admin[i](t), 1)
			}
			s := start(t, "127.0.0.1:"+strconv.Itoa(port), config(0), nil)
			s.AwaitLine(t, "serving initial configuration")
			requireWarnings := func(when string, count int) { // counts up to a line that is already logged
				s.Await(t, fmt.Sprintf("to warn %d times %s", count, when), func(soFar testprocess.Printed) bool {
					return soFar.Count(adminWarning...) == count
				})
			}
			requireWarnings("at the start", test.counts[0])
			for i := 1; i < len(test.admin); i++ {
				require.NoError(t, os.WriteFile(s.config, []byte(config(i)), 0o600))
				s.Signal(t, syscall.SIGUSR1)
				s.AwaitLines(t, i, reloaded)
				requireWarnings(fmt.Sprint("after reload ", i), test.counts[i])
			}
			s.Prints(t, test.counts[len(test.counts)-1], adminWarning...)
		})
	}
}

// Validating a config opens no admin endpoint, so there is no warning.
func TestValidateDoesNotWarnOfAdminEndpoint(t *testing.T) {
	t.Parallel()
	config := configFile(t, testnet.FreePort(t), "gateway uat", handlerOptions(t))
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, []byte(strings.Replace(string(text), "admin off", "", 1)), 0o600))
	said, err := caddyCommand(t, t.Context(), nil, "validate", "--config", config, "--adapter", "caddyfile").CombinedOutput()
	require.NoError(t, err, string(said))
	assert.NotContains(t, string(said), "admin endpoint is on")

	// The doctor warns before the start.
	_, findings := doctorJSON(t, nil, config, "--offline")
	result, message := results(findings, "admin")
	assert.Equal(t, "warning", result)
	assert.Contains(t, message, "read the key files")
}
