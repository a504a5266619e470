package e2e

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// With "endpoints all", PayerMax's published example requests are signed for endpoints without
// their own rules, too. The file has the data of each such example in api.json of
// payermax-server-sdk, 7f0556c9, March 2026; card and account numbers are replaced by test numbers.
// The examples of the other endpoints are in validate/testdata.
func TestExamplesWithoutRules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/examples_without_rules.json")
	require.NoError(t, err)
	var examples []struct {
		Endpoint string
		Data     json.RawMessage
	}
	require.NoError(t, json.Unmarshal(text, &examples))
	gateway := newRecorder(t)
	s := startSidecar(t, setup{gateway: gateway.url, options: "endpoints all"})
	endpoints := make(map[string]bool)
	for _, e := range examples {
		require.Empty(t, validate.Versions(e.Endpoint), "%s has rules", e.Endpoint)
		endpoints[e.Endpoint] = true
		sent := `{"data":` + string(e.Data) + `}`
		res := s.send(t, toEndpoint(e.Endpoint, sent))
		got := gateway.one(t)
		assert.True(t, got.Verified, "%s: %s: %s", e.Endpoint, got.Unverified, res.raw)
		requireDataKept(t, sent, string(got.Body))
	}
	assert.Len(t, endpoints, 25)
}
