package buffered

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCaddyfile(t *testing.T) {
	for input, want := range map[string]string{
		"payermax_buffered": `{}`,
		"payermax_buffered {\n\twrap stdout\n\tsize 1MiB\n}":                  `{"wrap":{"output":"stdout"},"size":1048576}`,
		"payermax_buffered {\n\twrap file calls.log {\n\troll_keep 3\n\t}\n}": `{"wrap":{"output":"file","filename":"calls.log","roll_keep":3}}`,
		"payermax_buffered {\n\twrap net localhost:514\n}":                    `{"wrap":{"output":"net","address":"localhost:514"}}`,
		"payermax_buffered stdout":                                            "unexpected argument",
		"payermax_buffered {\n\twrap\n}":                                      "wrap has no value",
		"payermax_buffered {\n\twrap stdout stderr\n}":                        "unexpected argument",
		"payermax_buffered {\n\twrap stdout\n\twrap stderr\n}":                "wrap is already set",
		"payermax_buffered {\n\twrap nowhere\n}":                              "nowhere",
		"payermax_buffered {\n\tsize 0\n}":                                    "size must be a size from 4KiB to 1GiB",
		"payermax_buffered {\n\twarp stdout\n}":                               "expected one of wrap, size",
	} {
		t.Run(input, func(t *testing.T) {
			w := new(Writer)
			err := w.UnmarshalCaddyfile(caddyfile.NewTestDispenser(input))
			if want[0] != '{' {
				assert.ErrorContains(t, err, want)
				return
			}
			require.NoError(t, err)
			text, err := json.Marshal(w)
			require.NoError(t, err)
			assert.JSONEq(t, want, string(text))
		})
	}
}

func provision(t *testing.T, config string) (*Writer, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	w := new(Writer)
	require.NoError(t, json.Unmarshal([]byte(config), w))
	return w, w.Provision(ctx)
}

func TestProvision(t *testing.T) {
	w, err := provision(t, `{}`)
	require.NoError(t, err)
	assert.Equal(t, "buffered stderr", w.String())
	assert.EqualValues(t, defaultSize, w.Size)

	path := filepath.Join(t.TempDir(), "calls.log")
	file, err := provision(t, `{"wrap":{"output":"file","filename":"`+path+`"}}`)
	require.NoError(t, err)
	assert.Equal(t, "buffered "+path, file.String())
	assert.NotEqual(t, w.WriterKey(), file.WriterKey())

	_, err = provision(t, `{"wrap":{"output":"payermax_buffered"}}`)
	assert.ErrorContains(t, err, "cannot wrap itself")
	_, err = provision(t, `{"size":-1}`)
	assert.ErrorContains(t, err, "size must be a size from 4KiB to 1GiB, but is -1 bytes")
}
