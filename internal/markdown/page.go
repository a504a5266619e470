package markdown

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Page returns the text of the page in a file.
func Page(t testing.TB, path string) string {
	t.Helper()
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(page)
}
