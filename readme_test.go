package payermax

import (
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
	for _, name := range append([]string{"gateway"}, handlerOptions.Names()...) {
		assert.Contains(t, string(readme), "`"+name+"`")
	}
	for _, f := range allRefusals() {
		assert.Regexp(t, `\| [\d, ]*`+strconv.Itoa(f.Status)+`[\d, ]* \| `+"`"+f.Code+"`", string(readme))
	}
}
