package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

// binary is an executable that Go has linked.
type binary struct {
	info   *buildinfo.BuildInfo
	digest string // the file's SHA-256, in hexadecimal
}

func readBinary(path string) (*binary, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s is not a binary of Go; build it first, as .ci/reproduce does: %w", path, err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return &binary{info: info, digest: fmt.Sprintf("%x", sha256.Sum256(file))}, nil
}

// linked returns the modules that the binary is made of, sorted by path. Their files come from the
// checkout in folder and from Go's module cache, and must be the ones that the binary was built
// from.
func (b *binary) linked(folder string) ([]*module, error) {
	modules, err := b.modules(folder, b.info.Path)
	if err != nil {
		return nil, err
	}
	return modules, b.compare(modules)
}

// caddys returns the modules that the binary would be made of without the modules of this
// repository.
func (b *binary) caddys(folder string) ([]*module, error) {
	return b.modules(folder, "github.com/caddyserver/caddy/v2/cmd", "github.com/caddyserver/caddy/v2/modules/standard")
}

// modulesOf returns the modules that the module in a directory is made of, including those it needs
// with cgo.
func (b *binary) modulesOf(folder string) ([]*module, error) {
	listed, err := list(folder, b.setting("-tags"), append(b.environment(), "CGO_ENABLED=1"), []string{"."})
	if err != nil {
		return nil, err
	}
	return group(listed), nil
}

// modules returns the modules of packages and of everything they import, for the platform and the
// build tags of the binary.
func (b *binary) modules(folder string, packages ...string) ([]*module, error) {
	listed, err := list(folder, b.setting("-tags"), b.environment(), packages)
	if err != nil {
		return nil, err
	}
	return group(listed), nil
}

// compare checks that the modules are those that the binary says it is made of, and takes their
// sums from it.
func (b *binary) compare(modules []*module) error {
	stated := make(map[string]*debug.Module)
	for _, dependency := range b.info.Deps {
		if dependency.Replace != nil {
			return fmt.Errorf("%s is replaced in the binary; what is shipped is built without a replace directive", dependency.Path)
		}
		stated[dependency.Path] = dependency
	}
	for _, m := range modules {
		if m.own || m.path == standardLibrary {
			continue
		}
		dependency := stated[m.path]
		if dependency == nil || dependency.Version != m.version {
			return fmt.Errorf("this checkout has %s %s, the binary does not; build it again", m.path, m.version)
		}
		m.sum = dependency.Sum
		delete(stated, m.path)
	}
	for path := range stated {
		return fmt.Errorf("the binary has %s, this checkout does not need it; build it again", path)
	}
	return nil
}

// setting returns a build setting of the binary, such as its GOOS, or "".
func (b *binary) setting(key string) string {
	for _, s := range b.info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// environment returns the variables that, besides the tags, decide which files are compiled.
func (b *binary) environment() []string {
	var environment []string
	for _, s := range b.info.Settings {
		if s.Key == "CGO_ENABLED" || strings.HasPrefix(s.Key, "GO") {
			environment = append(environment, s.Key+"="+s.Value)
		}
	}
	return environment
}

// goVersion returns the version of the standard library, such as 1.26.8.
func (b *binary) goVersion() string {
	version, _, _ := strings.Cut(strings.TrimPrefix(b.info.GoVersion, "go"), " ") // experiments follow after a space
	return version
}
