package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// A directory that cannot be written to matters only if Caddy has to store certificates;
// otherwise it is just mentioned.
func TestStorage(t *testing.T) {
	writable := t.TempDir()
	file := filepath.Join(writable, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	missing, notYet, below := filepath.Join(writable, "missing"), filepath.Join(writable, "a", "b"), filepath.Join(file, "caddy")

	for name, test := range map[string]struct {
		site            string
		temporary, data string
		outcomes        []doctor.Outcome
		message         string
	}{
		"both":                        {":8080 {\n" + signing + "}", writable, writable, nil, ""},
		"Caddy makes its own":         {"localhost:8443 {\n" + signing + "}", writable, notYet, nil, ""},
		"no temporary files":          {":8080 {\n" + signing + "}", missing, writable, []doctor.Outcome{doctor.OK}, missing + ", for temporary files: no such file or directory; this config does not need it"},
		"neither":                     {":8080 {\n" + signing + "}", missing, below, []doctor.Outcome{doctor.OK}, "nor to " + below},
		"no data, HTTPS unasked":      {"localhost:8443 {\n" + signing + "}", writable, below, []doctor.Outcome{doctor.Warning}, "not a directory; Caddy must store the certificates there"},
		"no data, tls internal":       {":8443 {\ntls internal\n" + signing + "}", writable, below, []doctor.Outcome{doctor.Warning}, "certificates"},
		"no data, HTTPS elsewhere":    {":8080 {\n" + signing + "}\nshop.example.com {\npayermax_notify /callback {\n}\n}", writable, below, []doctor.Outcome{doctor.Warning}, "certificates"},
		"a storage of another kind":   {"{\nstorage file_system /data\n}\nlocalhost:8443 {\n" + signing + "}", writable, below, nil, ""},
		"no temporary files, but tls": {"localhost:8443 {\n" + signing + "}", missing, writable, []doctor.Outcome{doctor.OK}, "for temporary files"},
	} {
		t.Run(name, func(t *testing.T) {
			var outcomes []doctor.Outcome
			for _, result := range adapted(t, test.site).describeStorage("Caddyfile", test.temporary, test.data) {
				outcomes = append(outcomes, result.Outcome)
				assert.Contains(t, result.Message, test.message)
				assert.Equal(t, result.Outcome == doctor.Warning, result.Next != "")
			}
			assert.Equal(t, test.outcomes, outcomes)
		})
	}
	left, err := os.ReadDir(writable)
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing is left behind")
}
