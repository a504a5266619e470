package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// A token file that cannot be read locks out all callers, and causes a warning.
func TestPlaceholdersStandForNothing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "caller-token")
	unreadable := testkeys.WriteFile(t, "token")
	require.NoError(t, os.Chmod(unreadable, 0))
	t.Setenv("PAYERMAX_TEST_SET", "value")
	for name, test := range map[string]struct{ site, says string }{
		"a file that is there":       {"vars token {file." + testkeys.WriteFile(t, "token") + "}", ""},
		"a file that is missing":     {"vars token {file." + missing + "}", "there is no file " + missing},
		"a file with nothing":        {"header Authorization {file." + testkeys.WriteFile(t, "") + "}", "is empty"},
		"a folder":                   {"vars token {file." + t.TempDir() + "}", "is not a regular file"},
		"a file that nobody reads":   {"vars token {file." + unreadable + "}", "this process may not read " + unreadable},
		"in a matcher":               {"@stranger header X-Token {file." + missing + "}\nrespond @stranger 401", "there is no file " + missing},
		"a variable that is not set": {"vars token {env.PAYERMAX_TEST_UNSET}", "the environment variable PAYERMAX_TEST_UNSET is not set"},
		"a variable that is set":     {"vars token {env.PAYERMAX_TEST_SET}", ""},
		"of the handler itself":      {"payermax_notify {\napp_id {file." + missing + "}\n}", ""},
		"two of one":                 {"vars a {file." + missing + "}\nvars b {file." + missing + "}", "there is no file"},
	} {
		if name == "a file that nobody reads" && os.Geteuid() == 0 {
			continue // root reads everything
		}
		tree, err := Config{Name: "Caddyfile", Adapter: "caddyfile", Text: []byte(":8080 {\n" + test.site + "\npayermax_sign\n}\n")}.adapt()
		require.NoError(t, err, name)
		results := tree.describePlaceholders("Caddyfile")
		if test.says == "" {
			assert.Empty(t, results, name)
			continue
		}
		require.Len(t, results, 1, name)
		assert.Equal(t, doctor.Warning, results[0].Outcome, name)
		assert.Contains(t, results[0].Message, test.says, name)
	}
}

// A variable whose name begins with a byte order mark causes a warning, even if the config
// does not need it.
func TestMarkedVariable(t *testing.T) {
	t.Setenv("\ufeffPAYERMAX_TEST_MARKED", "value")
	results := adapted(t, ":8080 {\npayermax_sign\n}\n").describePlaceholders("Caddyfile")
	require.Len(t, results, 1)
	assert.Contains(t, results[0].Message, "PAYERMAX_TEST_MARKED is not set, because the env file begins with a byte order mark")
}
