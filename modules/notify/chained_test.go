package notify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// Two handlers in a chain cannot share one guard: the second would refuse each notification.
// The config is not loaded, and the error names both handlers.
func TestChainedNotifyHasTwoGuards(t *testing.T) {
	t.Setenv("CHAIN_APP_ID", "app")
	key := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	verifying := func(matcher, options string) string {
		return fmt.Sprintf("payermax_notify %s {\ngateway_public_key %s\n%s\n}\n", matcher, key, options)
	}
	const (
		shared  = "{\nadmin off\npayermax_store memory\n}\n"
		own     = "{\nadmin off\n}\n"
		guarded = "app_id app\nduplicates 24h"
	)
	site := func(lines string) string {
		return ":8443 {\nbind 127.0.0.1\nroute {\n" + lines + "reverse_proxy 127.0.0.1:3000\n}\n}\n"
	}
	for name, test := range map[string]struct{ config, problem string }{
		"both for all":            {shared + site(verifying("", guarded)+verifying("", guarded)), "payermax_notify for all paths passes notifications on to payermax_notify for all paths"},
		"both for one path":       {shared + site(verifying("/callback*", guarded)+verifying("/callback*", guarded)), "payermax_notify for /callback* passes notifications on to payermax_notify for /callback*"},
		"the second for all":      {shared + site(verifying("/callback*", guarded)+verifying("", guarded)), "for /callback* passes notifications on to payermax_notify for all paths"},
		"one inside a handle":     {shared + site(verifying("", guarded)+"handle {\nroute {\n"+verifying("", guarded)+"reverse_proxy 127.0.0.1:3001\n}\n}\n"), "both share one guard in one store"},
		"spelled differently":     {shared + site(verifying("", guarded)+verifying("", "app_id {env.CHAIN_APP_ID}\nduplicates 1h")), "both share one guard in one store"},
		"one has no guard":        {shared + site(verifying("", guarded)+verifying("", "app_id app")), ""},
		"for different merchants": {shared + site(verifying("", guarded)+verifying("", "app_id app other\nduplicates 24h")), ""},
		"for different paths":     {shared + site(verifying("/a*", guarded)+verifying("/b*", guarded)), ""},
		"each its own memory":     {own + site(verifying("", guarded)+verifying("", guarded)), ""},
		"one its own memory":      {shared + site(verifying("", guarded+"\nstore memory")+verifying("", guarded)), ""},
		"two sites":               {shared + site(verifying("", guarded)) + strings.Replace(site(verifying("", guarded)), ":8443", ":8444", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := testcaddy.Loaded(t, testcaddy.Adapted(t, test.config))
			if test.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.problem)
			assert.ErrorContains(t, err, "give each a store with its own key_prefix")
		})
	}
}
