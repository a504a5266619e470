package main

import (
	"debug/buildinfo"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A binary that was built from something other than the checkout is refused.
func TestCompare(t *testing.T) {
	for name, test := range map[string]struct {
		stated []*debug.Module
		fails  string
	}{
		"the same": {stated: []*debug.Module{{Path: "example.com/a", Version: "v1.0.0", Sum: "h1:a"}}},
		"another version": {
			stated: []*debug.Module{{Path: "example.com/a", Version: "v1.1.0"}},
			fails:  "this checkout has example.com/a v1.0.0, the binary does not; build it again",
		},
		"one less": {fails: "this checkout has example.com/a v1.0.0, the binary does not; build it again"},
		"one more": {
			stated: []*debug.Module{{Path: "example.com/a", Version: "v1.0.0"}, {Path: "example.com/b", Version: "v1.0.0"}},
			fails:  "the binary has example.com/b, this checkout does not need it; build it again",
		},
		"a replaced one": {
			stated: []*debug.Module{{Path: "example.com/a", Version: "v1.0.0", Replace: &debug.Module{Path: "./a"}}},
			fails:  "example.com/a is replaced in the binary; what is shipped is built without a replace directive",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &module{path: "example.com/a", version: "v1.0.0"}
			b := &binary{info: &buildinfo.BuildInfo{Deps: test.stated}}
			err := b.compare([]*module{a, {path: ownModules, own: true}, {path: standardLibrary}})
			if test.fails != "" {
				assert.EqualError(t, err, test.fails)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "h1:a", a.sum)
		})
	}
}

func TestReadBinaryRefuses(t *testing.T) {
	folder := writeFiles(t, map[string]string{"caddy": "#!/bin/sh"})
	_, err := readBinary(filepath.Join(folder, "caddy"))
	assert.ErrorContains(t, err, "is not a binary of Go")
}

func TestPackageURL(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3":              "pkg:golang/example.com/a@v1.2.3",
		"v1.2.3+incompatible": "pkg:golang/example.com/a@v1.2.3%2Bincompatible",
	} {
		b := &binary{info: &buildinfo.BuildInfo{Main: debug.Module{Path: ownModules, Version: "(devel)"}, GoVersion: "go1.26.8 X:nodwarf5"}}
		assert.Equal(t, want, b.packageURL(&module{path: "example.com/a", version: version}))
		assert.Equal(t, "pkg:golang/"+ownModules, b.packageURL(&module{path: ownModules}))
		assert.Equal(t, "pkg:golang/stdlib@1.26.8", b.packageURL(&module{path: standardLibrary}))
	}
}
