package command

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// The doctor warns of an access log only if it shows credentials.
func TestAccessLogShowsSecrets(t *testing.T) {
	const (
		token   = "{http.request.header.merchantAuthToken}"
		ofFile  = "{file./run/token}"
		quiet   = "log {\nformat filter {\nrequest>headers>Merchantauthtoken delete\n}\n}\n"
		nothing = "log {\noutput file /tmp/unused\nformat filter {\nrequest>headers delete\n}\n}\n"
	)
	for name, test := range map[string]struct {
		global, log, options string
		shows                []string
	}{
		"no access log":             {"", "", token, nil},
		"a token in a file":         {"", "log\n", ofFile, nil},
		"a token in each request":   {"", "log\n", token, []string{"Merchantauthtoken"}},
		"two fields":                {"", "log\n", "{http.request.header.X-A}{http.request.header.x-b}", []string{"X-A", "X-B"}},
		"one that Caddy redacts":    {"", "log\n", "{http.request.header.Authorization}", nil},
		"one that it shall show":    {"servers {\nlog_credentials\n}\n", "log\n", "{http.request.header.Authorization}", []string{"Authorization"}},
		"shadow mode":               {"", "log\n", "shadow", []string{"Merchant_auth_token", "Sign"}},
		"a filter":                  {"", quiet, token, nil},
		"a filter of all fields":    {"", nothing, token, nil},
		"a filter of another field": {"", quiet, "shadow", []string{"Merchant_auth_token", "Sign"}},
		"a filter for all logs":     {quiet, "log\n", token, nil},
		"another format":            {"", "log {\nformat json\n}\n", token, []string{"Merchantauthtoken"}},
	} {
		t.Run(name, func(t *testing.T) {
			adapted, err := Config{Name: "Caddyfile", Adapter: "caddyfile", Text: []byte("{\n" + test.global + "}\n:8080 {\n" + test.log + "payermax_sign\n}\n")}.adapt()
			require.NoError(t, err)
			found := adapted.handlers()
			require.Len(t, found, 1)
			if test.options != "shadow" {
				found[0].config["merchant_auth_token"] = test.options
			}
			results := found[0].describeAccessLog(test.options == "shadow")
			require.Len(t, results, len(test.shows))
			for i, field := range test.shows {
				assert.Equal(t, doctor.Warning, results[i].Outcome)
				assert.Contains(t, results[i].Message, "shows the field "+field+" of")
				assert.Contains(t, results[i].Next, "request>headers>"+field+" delete")
			}
		})
	}
}
