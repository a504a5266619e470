package validate_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

// example is the data block of a request that PayerMax has published, from
// testdata/official_examples.json. Card numbers are replaced with the well-known test number;
// nothing else is changed.
type example struct {
	Source   string          `json:"source"`
	Endpoint string          `json:"endpoint"`
	Version  string          `json:"version"`
	Data     json.RawMessage `json:"data"`

	// Refused lists the violations, and Why says what is wrong with the example. All other
	// examples pass.
	Refused []string `json:"refused"`
	Why     string   `json:"why"`
}

// officialExamples reads the published examples.
func officialExamples(t testing.TB) []example {
	t.Helper()
	file, err := os.ReadFile("testdata/official_examples.json")
	require.NoError(t, err)
	var examples []example
	require.NoError(t, json.Unmarshal(file, &examples))
	require.NotEmpty(t, examples)
	return examples
}

// filledIn replaces the placeholders in PayerMax's guides.
func (e example) filledIn() []byte { return validate.FilledIn(e.Data) }

// Requests that PayerMax publishes pass, or are refused for a stated reason. An example for
// one version also passes the other.
func TestOfficialExamples(t *testing.T) {
	endpoints := make(map[string]bool)
	for _, e := range officialExamples(t) {
		endpoints[e.Endpoint] = true
		versions := validate.Versions(e.Endpoint)
		if e.Endpoint == "applyDropinSession" {
			versions = []string{e.Version} // its versions have different tables
		}
		assert.Contains(t, versions, e.Version, e.Source)
		assert.Equal(t, len(e.Refused) == 0, e.Why == "", e.Source)
		for _, version := range versions {
			t.Run(e.Source+", by "+version, func(t *testing.T) {
				s, ok := validate.Lookup(e.Endpoint, version)
				require.True(t, ok)
				vs := s.Validate(e.filledIn())
				assert.Equal(t, e.Refused, broken(vs), "%v", vs)
			})
		}
	}
	assert.Len(t, endpoints, 7)
}

// A placeholder that was copied with the example is refused.
func TestPlaceholdersAreRefused(t *testing.T) {
	for _, e := range officialExamples(t) {
		if !strings.Contains(string(e.Data), "[your") {
			continue
		}
		s, _ := validate.Lookup(e.Endpoint, e.Version)
		assert.Subset(t, broken(s.Validate(e.Data)), []string{"/data/frontCallbackUrl pattern", "/data/notifyUrl pattern"}, e.Source)
	}
}

// The amounts of every example are understood, even in examples that break rules.
func TestAmountsOfOfficialExamples(t *testing.T) {
	for _, e := range officialExamples(t) {
		s, _ := validate.Lookup(e.Endpoint, e.Version)
		amounts, err := s.Amounts(e.Data)
		require.NoError(t, err, e.Source)
		if !s.MovesMoney() {
			assert.Empty(t, amounts, e.Source)
			continue
		}
		var data struct {
			TotalAmount, RefundAmount, Amount json.RawMessage
			SubscriptionPlan                  struct{ PeriodAmount, TrialPeriodConfig, TrialConfig json.RawMessage }
		}
		require.NoError(t, json.Unmarshal(e.Data, &data))
		sent := 0
		for _, raw := range []json.RawMessage{
			data.TotalAmount, data.RefundAmount, data.Amount,
			data.SubscriptionPlan.PeriodAmount, data.SubscriptionPlan.TrialPeriodConfig, data.SubscriptionPlan.TrialConfig,
		} {
			if raw != nil {
				sent++
			}
		}
		assert.Len(t, amounts, sent, e.Source)
	}
}
