package payermax

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The example shop is meant to be copied, so it needs nothing but the standard library.
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

// module is the path of this Go module, and of its root package.
var module = reflect.TypeFor[Handler]().PkgPath()

// importsOf returns the imports of the files that match a pattern, by the file's path.
func importsOf(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, paths, pattern)
	imports := make(map[string][]string)
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range file.Imports {
			name, err := strconv.Unquote(imported.Path.Value)
			require.NoError(t, err)
			imports[path] = append(imports[path], name)
		}
	}
	return imports
}

// The packages of the other Caddy modules import neither this package nor one another,
// not even in their tests. The packages that they share do not import them.
func TestArrowsRunOneWay(t *testing.T) {
	for _, rooms := range []string{
		"modules/*/*.go", "internal/*/*.go", "keys/*.go", "limits/*.go", "stores/*.go", "stores/storetest/*.go", "doctor/*.go", "diagnosis/*.go",
		"protocol/*.go", "sandbox/*.go", "signer/*.go", "envelope/*.go", "validate/*.go",
	} {
		for path, imports := range importsOf(t, rooms) {
			for _, name := range imports {
				assert.NotEqual(t, module, name, path)
				assert.False(t, strings.HasPrefix(name, module+"/modules/"), "%s imports %s", path, name)
			}
		}
	}
}

// These packages outside modules/ and internal/ import no packages of this module except
// those listed here. Of them, only the commands import Caddy.
func TestPublicPackagesImportOnlyWhatIsListed(t *testing.T) {
	for room, knows := range map[string][]string{
		"protocol":             nil,
		"sandbox":              nil,
		"envelope":             {"internal/lookalike"},
		"validate":             {"internal/lookalike"},
		"signer":               {"internal/regular"},
		"diagnosis":            {"protocol"},
		"doctor":               {"envelope", "protocol", "signer"},
		"commands":             {"diagnosis", "examples/shop", "internal/build", "internal/commandline", "internal/setting", "protocol", "sandbox", "signer"},
		"internal/lookalike":   nil,
		"internal/regular":     nil,
		"internal/testprocess": nil,
	} {
		for path, imports := range importsOf(t, room+"/*.go") {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			for _, name := range imports {
				assert.False(t, room != "commands" && strings.HasPrefix(name, "github.com/caddyserver/"), "%s imports %s", path, name)
				if own, isOwn := strings.CutPrefix(name, module+"/"); isOwn {
					assert.True(t, slices.Contains(knows, own), "%s imports %s", path, name)
				}
			}
		}
	}
}

// The map in CONTRIBUTING.md lists each directory that has Go files, and none that no
// longer exists.
func TestMapIsComplete(t *testing.T) {
	page, err := os.ReadFile("CONTRIBUTING.md")
	require.NoError(t, err)
	var shown []string
	for line := range strings.Lines(string(page)) {
		if room, found := strings.CutPrefix(line, "| `"); found {
			room, _, _ = strings.Cut(room, "`")
			shown = append(shown, strings.TrimSuffix(room, "/"))
		}
	}
	for _, room := range shown {
		assert.DirExists(t, room)
	}
	for _, pattern := range []string{"*/*.go", "*/*/*.go", "*/*/*/*.go"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			room := filepath.Dir(path)
			isInside := func(other string) bool {
				return room == other || hasRoomsOfItsOwn(other) && strings.HasPrefix(room, other+"/")
			}
			assert.True(t, slices.ContainsFunc(shown, isInside), "the map lacks %s", room)
		}
	}
}

// hasRoomsOfItsOwn reports whether the map lists a directory as a whole, without its
// subdirectories.
func hasRoomsOfItsOwn(folder string) bool {
	return slices.Contains([]string{"e2e/cluster", "examples", "internal/rsabatch", "keys/kms"}, folder)
}
