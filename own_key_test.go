package payermax

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
)

// A next key that is the private key itself earns a warning.
func TestNextKeyEqualToKeyWarns(t *testing.T) {
	private := writePrivateKey(t, merchantKey())
	for next, warned := range map[string]bool{private: true, writePrivateKey(t, merchantKey()): true, writePrivateKey(t, gatewayKey()): false} {
		log, err := testcaddy.Loaded(t, testcaddy.Adapted(t, "{\nadmin off\n}\n:8080 {\nbind 127.0.0.1\npayermax {\ngateway uat\napp_id app\nprivate_key "+private+
			"\nnext_private_key "+next+"\n}\n}\n"))
		require.NoError(t, err)
		assert.Equal(t, warned, strings.Contains(log, "next_private_key is the same key as private_key"), next)
	}
}

// Somebody who has confused the dashboard's two keys is warned when the config is loaded,
// not later by a withheld answer to a payment.
func TestOwnKeyAsGatewayKeyWarns(t *testing.T) {
	private := writePrivateKey(t, merchantKey())
	own, theirs := writePublicKey(t, &merchantKey().PublicKey), writePublicKey(t, &gatewayKey().PublicKey)
	for files, warned := range map[string]bool{theirs: false, own: true, theirs + " " + own: true} {
		tree := testcaddy.Adapted(t, "{\nadmin off\n}\n:8080 {\nbind 127.0.0.1\npayermax {\ngateway uat\napp_id app\nprivate_key "+private+
			"\ngateway_public_key "+files+"\n}\n}\n")
		log, err := testcaddy.Loaded(t, tree)
		require.NoError(t, err)
		assert.Equal(t, warned, strings.Contains(log, "gateway_public_key names the merchant's own public key"), files)
	}
}
