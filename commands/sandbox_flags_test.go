package commands

import (
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// A sandbox with a mistyped app-id or merchant-no would refuse each call.
func TestSandboxChecksIdentities(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		`--app-id: "'app'" has quotes in it`:                                    {"--app-id", "'app'"},
		`--merchant-no: "2.0e+13" is a number in the notation of a spreadsheet`: {"--app-id", "app", "--merchant-no", "2.0e+13"},
		``: {"--app-id", "app", "--merchant-no", "010000000000001"},
	} {
		set := new(cobra.Command).Flags()
		for _, name := range []string{"app-id", "merchant-no", "public-key", "private-key"} {
			set.String(name, "", "")
		}
		set.Bool("strict", false, "")
		set.Float64("time-scale", 1, "")
		require.NoError(t, set.Parse(append(args, "--public-key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey))))
		_, err := newSandbox(caddycmd.Flags{FlagSet: set})
		if says == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, says)
	}
}
