package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ownModules is the path of this repository's root module, and the prefix of its other modules'
// paths.
const ownModules = "github.com/caddy-payermax/caddy-payermax"

// standardLibrary is the name that vulnerability databases use for Go's own packages.
const standardLibrary = "stdlib"

// module is a module that has packages in a binary. Go's standard library counts as one.
type module struct {
	path     string
	version  string // "" for the standard library and for this repository's modules
	sum      string // its line in go.sum: a digest of its files' digests
	folder   string
	own      bool            // belongs to this repository
	packages []string        // those that are linked
	folders  map[string]bool // of those packages and of their parents up to the module's directory
	needs    map[string]bool // the paths of the modules that those packages import
	licence  licence
}

// listedPackage holds the part of go list's output about a package that is used here.
type listedPackage struct {
	ImportPath string
	Dir        string
	Root       string // GOROOT, for a package of the standard library
	Standard   bool
	Imports    []string
	Module     *struct{ Path, Version, Dir string }
}

// list returns packages and everything they import, directly or indirectly.
func list(folder, tags string, environment, packages []string) ([]listedPackage, error) {
	arguments := []string{"list", "-deps", "-tags=" + tags, "-json=ImportPath,Dir,Root,Standard,Imports,Module"}
	command := exec.Command("go", append(arguments, packages...)...)
	command.Dir = folder
	command.Env = append(os.Environ(), environment...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	var listed []listedPackage
	decoder := json.NewDecoder(output)
	for {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, errors.Join(fmt.Errorf("go list %s: %w", packages, err), command.Wait())
		}
		listed = append(listed, p)
	}
	if err := command.Wait(); err != nil {
		return nil, fmt.Errorf("go list %s: %w", packages, err)
	}
	return listed, nil
}

// group returns the modules that contain the packages, sorted by path.
func group(packages []listedPackage) []*module {
	modules := make(map[string]*module)
	of := make(map[string]*module) // by import path
	for _, p := range packages {
		path := standardLibrary
		if !p.Standard {
			path = p.Module.Path
		}
		m := modules[path]
		if m == nil {
			m = newModule(path, p)
			modules[path] = m
		}
		m.packages = append(m.packages, p.ImportPath)
		// Other licences in Go's own directories concern code that is not linked, such as
		// BoringCrypto.
		for folder := p.Dir; !p.Standard && folder != m.folder; folder = filepath.Dir(folder) {
			m.folders[folder] = true
		}
		of[p.ImportPath] = m
	}
	for _, p := range packages {
		for _, imported := range p.Imports {
			// Inside the standard library, an import path may differ from the name of the package
			// it resolves to: vendored packages have another one.
			if needed := of[imported]; needed != nil && needed != of[p.ImportPath] && !p.Standard {
				of[p.ImportPath].needs[needed.path] = true
			}
		}
	}
	return slices.SortedFunc(maps.Values(modules), func(a, b *module) int { return strings.Compare(a.path, b.path) })
}

func newModule(path string, p listedPackage) *module {
	m := &module{path: path, folder: p.Root, needs: make(map[string]bool)}
	if !p.Standard {
		m.version, m.folder = p.Module.Version, p.Module.Dir
		m.own = path == ownModules || strings.HasPrefix(path, ownModules+"/")
	}
	m.folders = map[string]bool{m.folder: true}
	return m
}

// without returns the modules that are not among others in the same version. It leaves out this
// repository's modules as well.
func without(modules, others []*module) []*module {
	return slices.DeleteFunc(slices.Clone(modules), func(m *module) bool {
		return m.own || slices.ContainsFunc(others, func(other *module) bool { return other.path == m.path && other.version == m.version })
	})
}
