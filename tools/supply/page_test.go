package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWritePage(t *testing.T) {
	linked := []*module{
		{path: "example.com/a", version: "v1.0.0", licence: licence{ids: []string{"Apache-2.0", "MIT"}, files: []string{"LICENSE", "json/LICENSE"}, notices: []string{"NOTICE"}}},
		{path: standardLibrary, licence: licence{ids: []string{"BSD-3-Clause"}, files: []string{"LICENSE"}}},
	}
	mit := licence{ids: []string{"MIT"}, files: []string{"LICENSE"}}
	page := string(writePage(linked, linked[:1], []addition{
		{"keys/kms", []*module{{path: "example.com/b", version: "v2.0.0", licence: mit}}},
		{"keys/openssl", nil},
		{"stores/redis", []*module{{path: "example.com/c", version: "v3.0.0", licence: mit}}},
	}))
	assert.Contains(t, page, "| Apache-2.0 AND MIT | 1 |\n| BSD-3-Clause | 1 |\n\n")
	assert.Contains(t, page, "## In the binary\n\n| module | version | licence | files |\n| --- | --- | --- | --- |\n"+
		"| example.com/a | v1.0.0 | Apache-2.0 AND MIT | LICENSE, json/LICENSE, NOTICE |\n"+
		"| Go's runtime and standard library | of the build | BSD-3-Clause | LICENSE |\n\n## With keys/kms\n")
	assert.Contains(t, page, "\n| example.com/b | v2.0.0 | MIT | LICENSE |\n\n## With stores/redis\n")
	assert.Contains(t, page, "\n| example.com/c | v3.0.0 | MIT | LICENSE |\n")
	assert.NotContains(t, page, "keys/openssl")
	assert.Contains(t, page, "of these except: `example.com/a`.\n")
}

// A page that has drifted is reported with the differing line, and rewritten on demand.
func TestSettle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	assert.Error(t, settle(path, []byte("one\ntwo\n"), false))
	require.NoError(t, settle(path, []byte("one\ntwo\n"), true))
	assert.NoError(t, settle(path, []byte("one\ntwo\n"), false))
	assert.ErrorContains(t, settle(path, []byte("one\nthree\n"), false), "page.md:2 is not what is linked")
	assert.ErrorContains(t, settle(path, []byte("one\ntwo\nthree\n"), false), "page.md:3 is not what is linked")
	require.NoError(t, settle(path, []byte("three\n"), true))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "three\n", string(text))
}

// All modules of this repository that can be built in are listed.
func TestAddable(t *testing.T) {
	var modules []string
	for _, rooms := range []string{"keys", "stores"} {
		found, err := filepath.Glob(filepath.Join(repository, rooms, "*", "go.mod"))
		require.NoError(t, err)
		for _, path := range found {
			folder, err := filepath.Rel(repository, filepath.Dir(path))
			require.NoError(t, err)
			modules = append(modules, filepath.ToSlash(folder))
		}
	}
	assert.Equal(t, addable, modules)
}
