package transport

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The defaults that the doc comments name are those that the code has.
func TestConfigurationDefaults(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	require.NoError(t, err)
	page := strings.ReplaceAll(string(text), "\n", " ")
	for _, row := range []string{
		fmt.Sprintf("`dial_timeout` is %v, `tls_timeout` %v, `keepalive` (idle) %v,", defaultDialTimeout, defaultHandshakeTimeout, defaultIdleTimeout),
		fmt.Sprintf("`max_response_header` %d KiB,", defaultMaxAnswerHeader>>10),
	} {
		assert.True(t, strings.Contains(page, row), "the page lacks %s", row)
	}
}
