package command

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	_ "github.com/caddy-payermax/caddy-payermax/modules/landlock"
)

// A file that the confined process could not open again is named, unless the options cover it
// or it is beside the keys.
func TestConfinement(t *testing.T) {
	certificate, token := testkeys.WriteFile(t, "certificate"), testkeys.WriteFile(t, "token")
	key := testkeys.WriteFile(t, "key")
	const confined, free = "payermax_landlock", ""
	reading := func(path string) string { return "payermax_landlock {\nread " + filepath.Dir(path) + "\n}" }
	for name, test := range map[string]struct {
		option, site string
		outside      []string
	}{
		"not confined":         {free, "tls " + certificate + " " + certificate, nil},
		"a certificate":        {confined, "tls " + certificate + " " + certificate, []string{certificate}},
		"one that may be read": {reading(certificate), "tls " + certificate + " " + certificate, nil},
		"a caller's token":     {confined, "vars token {file." + token + "}", []string{token}},
		"both":                 {reading(token), "tls " + certificate + " " + certificate + "\nvars token {file." + token + "}", []string{certificate}},
		"beside the key":       {confined, "tls " + key + " " + key, nil},
		"what is not there":    {confined, "vars token {file./nowhere}", nil},
	} {
		tree := adapted(t, "{\n"+test.option+"\n}\nhttps://a.example {\n"+test.site+"\nheader X-Key {env.NOTHING}\npayermax_sign\n}\n")
		handlers := tree.handlers()
		require.Len(t, handlers, 1)
		handlers[0].config["key"] = map[string]any{"source": "file", "path": key}
		results := tree.describeConfinement("Caddyfile")
		if test.outside == nil {
			assert.Empty(t, results, name)
			continue
		}
		require.Len(t, results, 1, name)
		assert.Equal(t, doctor.Warning, results[0].Outcome)
		assert.Contains(t, results[0].Message, "from opening "+strings.Join(test.outside, ", ")+" again", name)
	}
}
