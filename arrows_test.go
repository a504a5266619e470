package payermax

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The example shop is to be copied, and needs nothing but the standard library.
func TestShopNeedsTheStandardLibraryOnly(t *testing.T) {
	files, err := filepath.Glob("examples/shop/*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range file.Imports {
			assert.NotContains(t, imported.Path.Value, ".", path)
		}
	}
}

// The other Caddy modules know neither this package nor one another, in their tests
// neither; and what they share does not know them.
func TestArrowsRunOneWay(t *testing.T) {
	root := reflect.TypeFor[Handler]().PkgPath()
	var files []string
	for _, rooms := range []string{"modules/*/*.go", "internal/*/*.go", "keys/*.go", "protocol/*.go", "sandbox/*.go", "signer/*.go", "envelope/*.go", "validate/*.go"} {
		found, err := filepath.Glob(rooms)
		require.NoError(t, err)
		require.NotEmpty(t, found, rooms)
		files = append(files, found...)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range file.Imports {
			name, err := strconv.Unquote(imported.Path.Value)
			require.NoError(t, err)
			assert.NotEqual(t, root, name, path)
			assert.False(t, strings.HasPrefix(name, root+"/modules/"), "%s imports %s", path, name)
		}
	}
}
