package openssl

import (
	"encoding/json"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/keys"
)

// owner stands for a Caddy module whose config names a source.
type owner struct {
	KeyRaw json.RawMessage `json:"key,omitempty" caddy:"namespace=payermax.keys inline_key=source"`
}

// load loads a source from the text after "key" in a Caddyfile, through JSON, as Caddy
// does.
func load(t *testing.T, input string) (*keys.NamedSource, error) {
	t.Helper()
	raw, err := adapt(input)
	require.NoError(t, err)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	o := &owner{raw}
	return keys.LoadSource(ctx, o, "KeyRaw", o.KeyRaw)
}

// adapt returns the JSON for the text after "key" in a Caddyfile.
func adapt(input string) (raw json.RawMessage, err error) {
	d := caddyfile.NewTestDispenser("key " + input)
	d.Next()
	return raw, keys.ReadSource(d, &raw)
}
