package payermax

import (
	"net/url"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each Caddyfile in the README is one that Caddy takes as it stands, formatted
// as caddy fmt would.
func TestReadmeCaddyfiles(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		adapt(t, block[1], false)
	}
}

// The README's table of options names all there are, and its table of errors all
// codes.
func TestReadmeTables(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, name := range []string{
		"gateway", "app_id", "merchant_no", "sp_merchant_no", "private_key", "gateway_public_key",
		"endpoints", "version", "key_version", "max_body_size", "timeout", "key", "merchant_public_key",
	} {
		assert.Contains(t, string(readme), "| `"+name+"` |")
	}
	for _, f := range []*refusal{
		notServed(&url.URL{}), notServed(&url.URL{Path: pathPrefix + "refund"}), methodNotAllowed(), badRequest(""), tooLarge(0), unsupportedMediaType(""), loopDetected(), signingFailed(nil), unverified(nil),
		(&call{exchange: new(exchange)}).failed(t.Context(), &answer{}, nil),
	} {
		assert.Regexp(t, `\| [\d, ]*`+strconv.Itoa(f.status)+`[\d, ]* \| `+"`"+f.Code+"`", string(readme))
	}
}
