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

// ownModules is the path of this repository's module, and the beginning of the
// others'.
const ownModules = "github.com/caddy-payermax/caddy-payermax"

// standardLibrary is how databases of vulnerabilities call Go's own packages.
const standardLibrary = "stdlib"

// A module is one that has packages in a binary. Go's standard library counts as
// one.
type module struct {
	path     string
	version  string // "" for the standard library and for own ones
	sum      string // its line in go.sum: a digest of its files' digests
	folder   string
	own      bool            // it is of this repository
	packages []string        // those that are linked
	folders  map[string]bool // of those packages, and from there up to its own
	needs    map[string]bool // the paths of the modules that those packages import
	licence  licence
}

// A listedPackage is what go list tells of a package.
type listedPackage struct {
	ImportPath string
	Dir        string
	Root       string // GOROOT, of one of the standard library
	Standard   bool
	Imports    []string
	Module     *struct{ Path, Version, Dir string }
}

// list returns packages and all that they import, directly or not.
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

// group returns the modules that packages are of, sorted by path.
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
		// What other licences Go's own folders have is for what is not linked,
		// such as BoringCrypto.
		for folder := p.Dir; !p.Standard && folder != m.folder; folder = filepath.Dir(folder) {
			m.folders[folder] = true
		}
		of[p.ImportPath] = m
	}
	for _, p := range packages {
		for _, imported := range p.Imports {
			// The standard library names its copies of other modules' packages
			// otherwise than it imports them.
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

// without returns the modules that are not among others in the same version. This
// repository's are not among them either.
func without(modules, others []*module) []*module {
	return slices.DeleteFunc(slices.Clone(modules), func(m *module) bool {
		return m.own || slices.ContainsFunc(others, func(other *module) bool { return other.path == m.path && other.version == m.version })
	})
}
