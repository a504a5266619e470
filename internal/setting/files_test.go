package setting

import (
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/stretchr/testify/assert"
)

// The Caddyfile takes {file.NAME} for a part of the request's path, unless NAME has a slash
// or a dot.
func TestRelativeFiles(t *testing.T) {
	t.Parallel()
	for placeholder, refused := range map[string]bool{
		"{file.tok}": true, "{file.key_version}": true, "v{file.my-token}": true,
		"{file./nowhere/tok}": false, "{file.nowhere/tok}": false, "{file.nowhere.tok}": false,
		"{file}": false, "{file.base}": false, "{file.ext}": false, "{path}": false, "{header.X-Token}": false, "tok": false,
	} {
		segment := caddyfile.Segment{{Text: placeholder}}
		httpcaddyfile.NewShorthandReplacer().ApplyToSegment(&segment)
		if err := CheckFiles(segment[0].Text); refused {
			assert.ErrorContains(t, err, "names no file: in a Caddyfile", placeholder)
			assert.ErrorContains(t, err, "expected an absolute path, such as {file./run/secrets/payermax/", placeholder)
		} else {
			assert.NoError(t, err, placeholder)
		}
	}
}
