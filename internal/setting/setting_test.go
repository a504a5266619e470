package setting

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExpandAll(t *testing.T) {
	t.Setenv("PAYERMAX_TEST_SET", "12")
	t.Setenv("PAYERMAX_TEST_LINES", "1\n2")
	for name, test := range map[string]struct {
		configured []string
		maxLength  int
		want       []string
		refused    string
	}{
		"none":          {nil, 3, []string{}, ""},
		"placeholders":  {[]string{"1", "{env.PAYERMAX_TEST_SET}"}, 3, []string{"1", "12"}, ""},
		"a path":        {[]string{"/run/my keys/{env.PAYERMAX_TEST_SET}"}, 0, []string{"/run/my keys/12"}, ""},
		"not set":       {[]string{"{env.PAYERMAX_TEST_UNSET}"}, 3, nil, "app_id: {env.PAYERMAX_TEST_UNSET} is empty: the environment variable PAYERMAX_TEST_UNSET is not set; set it"},
		"empty":         {[]string{"1", ""}, 3, nil, "app_id: one of its values is empty; set it, or remove it"},
		"too long":      {[]string{"é{env.PAYERMAX_TEST_SET}3"}, 3, nil, "app_id: longer than the 3 characters that PayerMax allows"},
		"several lines": {[]string{"{env.PAYERMAX_TEST_LINES}"}, 3, nil, `app_id: "1\n2" contains control characters, such as a line break; check where the value comes from`},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := ExpandAll("app_id", test.configured, test.maxLength, caddy.NewReplacer())
			if test.refused != "" {
				assert.EqualError(t, err, test.refused)
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, test.want, values)
		})
	}
}

// Values that the sandbox can supply itself may be empty.
func TestExpandMayBeEmpty(t *testing.T) {
	value := "before"
	o := Option{Name: "app_id", Value: "{env.PAYERMAX_TEST_UNSET}", MaxLength: 3, Target: &value}
	assert.Error(t, o.Expand(caddy.NewReplacer(), false))
	assert.Equal(t, "before", value)
	assert.NoError(t, o.Expand(caddy.NewReplacer(), true))
	assert.Empty(t, value)
}

// The error says why a value is empty, as far as that is known.
func TestWhyEmpty(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	t.Setenv("PAYERMAX_TEST_BLANK", "")
	for value, says := range map[string]string{
		"{env.PAYERMAX_TEST_UNSET}": "app_id: {env.PAYERMAX_TEST_UNSET} is empty: the environment variable PAYERMAX_TEST_UNSET is not set; set it",
		"{env.PAYERMAX_TEST_BLANK}": "app_id: {env.PAYERMAX_TEST_BLANK} is empty: the environment variable PAYERMAX_TEST_BLANK has no value; set it",
		"{file./nope/app_id}":       "app_id: {file./nope/app_id} is empty: there is no file /nope/app_id; set it",
		"{file." + empty + "}":      "app_id: {file." + empty + "} is empty: the file " + empty + " is empty; set it",
		"{PAYERMAX_TEST_UNSET}":     "app_id: unrecognized placeholder {PAYERMAX_TEST_UNSET}; write {env.PAYERMAX_TEST_UNSET} for the environment variable",
		"${PAYERMAX_TEST_UNSET}":    "app_id: unrecognized placeholder {PAYERMAX_TEST_UNSET}; write {env.PAYERMAX_TEST_UNSET} for the environment variable",
		"{nope.nope}":               "app_id: unrecognized placeholder {nope.nope}",
	} {
		var target string
		err := (Option{Name: "app_id", Value: value, MaxLength: 64, Target: &target}).Expand(caddy.NewReplacer(), false)
		assert.EqualError(t, err, says)
	}
	_, err := Replace(caddy.NewReplacer(), "{env.PAYERMAX_TEST_UNSET}", true, true)
	assert.Empty(t, MarkedVariable())
	assert.ErrorContains(t, err, "the environment variable PAYERMAX_TEST_UNSET is not set")
}

// Caddy's --envfile takes the byte order mark of a file for a part of the first variable's
// name, so that the variable is not set.
func TestWhyEmptyWithAByteOrderMark(t *testing.T) {
	t.Setenv("\ufeffPAYERMAX_TEST_MARKED", "x")
	assert.Equal(t, "PAYERMAX_TEST_MARKED", MarkedVariable())
	assert.Contains(t, WhyEmpty("{env.PAYERMAX_TEST_MARKED}"), "PAYERMAX_TEST_MARKED is not set, because the env file begins with a byte order mark")
	assert.NotContains(t, WhyEmpty("{env.PAYERMAX_TEST_UNSET}"), "mark")
	t.Setenv("PAYERMAX_TEST_MARKED", "y")
	assert.Empty(t, MarkedVariable(), "it is set as well")
}
