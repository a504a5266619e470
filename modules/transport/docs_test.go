package transport

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
)

// The defaults in the doc comments are those in the code.
func TestConfigurationDefaults(t *testing.T) {
	page := strings.ReplaceAll(markdown.Page(t, "../../docs/configuration.md"), "\n", " ")
	for _, row := range []string{
		fmt.Sprintf("`dial_timeout` is %v, `tls_timeout` %v, `keepalive` (idle) %v,", defaultDialTimeout, defaultHandshakeTimeout, defaultIdleTimeout),
		fmt.Sprintf("`max_response_header` %d KiB,", defaultMaxAnswerHeader>>10),
	} {
		assert.True(t, strings.Contains(page, row), "the page lacks %s", row)
	}
}
