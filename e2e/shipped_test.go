package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The Caddy in these tests is the shipped one: main_test.go has exactly the imports and the main
// function of caddy/main.go. It is a copy because a program cannot be imported, and because people
// who build their own Caddy look for its imports in caddy/main.go.
func TestIsTheCaddyThatIsShipped(t *testing.T) {
	t.Parallel()
	program := func(path, clause string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		_, program, found := strings.Cut(string(text), clause+"\n")
		require.True(t, found, "%s has no %s", path, clause)
		return program
	}
	assert.Equal(t, program("../caddy/main.go", "package main"), program("main_test.go", "package e2e"))

	sources, err := os.ReadDir("../caddy")
	require.NoError(t, err)
	require.Len(t, sources, 1, "caddy/ has main.go alone")
}
