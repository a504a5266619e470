package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// Secrets that do not reliably identify callers or distinguish them cause a warning. No
// token is repeated.
func TestSecretsOfCallers(t *testing.T) {
	token := func(text string) string { return "{file." + testkeys.WriteFile(t, text) + "}" }
	bearer := func(name, token string) string {
		return "@" + name + " header Authorization \"Bearer " + token + "\"\nrespond @" + name + " 204\n"
	}
	const (
		secret = "canary9canary9canary9canary9canary9"
		other  = "another9another9another9another9another9"
		hash   = "$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG"
	)
	for name, test := range map[string]struct {
		site string
		says []string
	}{
		"a long token":              {bearer("shop", token(secret+"\n")), nil},
		"a short token":             {bearer("shop", token("canary")), []string{"has fewer than 32 characters"}},
		"a short token, by a var":   {"vars it " + token("canary") + "\n@stranger not header Authorization \"Bearer {vars.it}\"\nrespond @stranger 401\n", []string{"{file./"}},
		"a short token, as it is":   {bearer("shop", "canary"), []string{"a token that is written in the config: the token of a caller has fewer"}},
		"nobody has filled it in":   {bearer("shop", token("change-me")), []string{"is a placeholder that was not filled in"}},
		"with its name":             {bearer("shop", token("TOKEN="+secret)), []string{"the token, which is not repeated here,"}},
		"one token for two":         {bearer("shop", token(secret)) + bearer("office", token(secret)), []string{"are the same token"}},
		"one file for two":          {bearer("shop", "{file./nowhere}") + bearer("office", "{file./nowhere}"), nil}, // another check reports a missing file
		"two tokens":                {bearer("shop", token(secret)) + bearer("office", token(other)), nil},
		"no token":                  {"@it header Authorization Basic\nrespond @it 204\n@shop header X-Shop \"Bearer canary\"\nrespond @shop 204\n", nil},
		"of the request":            {bearer("shop", "{http.request.header.X-Token}"), nil},
		"one hash for two":          {"basic_auth {\nshop " + hash + "\noffice " + hash + "\n}\n", []string{"shop and office have the same password hash"}},
		"one hash in two files":     {"basic_auth {\nshop " + token(hash) + "\noffice " + token(hash) + "\n}\n", []string{"shop and office have the same password hash"}},
		"two hashes":                {"basic_auth {\nshop " + hash + "\noffice " + strings.Replace(hash, "Zkx", "Zky", 1) + "\n}\n", nil},
		"the same, in two routes":   {"basic_auth /a {\nshop " + hash + "\n}\nbasic_auth /b {\nshop " + hash + "\n}\n", nil},
		"hashes that are not there": {"basic_auth {\nshop {env.PAYERMAX_TEST_UNSET}\noffice {env.PAYERMAX_TEST_UNSET}\n}\n", nil},
	} {
		tree, err := Config{Name: "Caddyfile", Adapter: "caddyfile", Text: []byte(":8080 {\n" + test.site + "payermax_sign\n}\n")}.adapt()
		require.NoError(t, err, name)
		results := tree.describeCallers("Caddyfile")
		require.Len(t, results, len(test.says), "%s: %v", name, results)
		for i, says := range test.says {
			assert.Equal(t, doctor.Warning, results[i].Outcome, name)
			assert.Contains(t, results[i].Message, says, name)
			assert.NotContains(t, results[i].Message+results[i].Next, "canary", name)
		}
	}
}
