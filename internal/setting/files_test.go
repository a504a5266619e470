package setting

import (
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/stretchr/testify/assert"
)

// The Caddyfile interprets {file.NAME} as a part of the request's path, unless NAME contains
// a slash or a dot.
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

// A part of a key in place of a file's path, or of an identifier, is never repeated.
func TestPartsOfKeysAreNotRepeated(t *testing.T) {
	t.Parallel()
	sum := sha512.Sum384([]byte("a line")) // in place of a key's bytes
	for _, line := range []string{base64.StdEncoding.EncodeToString(sum[:]), base64.URLEncoding.EncodeToString(sum[:])} {
		for _, text := range []string{"{file." + line + "}", "{http.request.uri.path.file." + line + "}"} {
			err := CheckFiles(text)
			if strings.Contains(text, "uri") && strings.ContainsAny(line, "+/=") {
				continue // Caddy has no such shorthand for it
			}
			assert.ErrorContains(t, err, "looks like a key itself", text)
			assert.NotContains(t, err.Error(), line[:20])
		}
		err := CheckIdentity(line+"=", line)
		assert.ErrorContains(t, err, "the value, which is not repeated here, has characters that")
		assert.NotContains(t, err.Error(), line[:20])
	}
}
