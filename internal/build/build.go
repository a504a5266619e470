// Package build provides the version of this module in the program, and the commit that
// it was built from. Both come from the build information that Go embeds in each binary.
// Only a build with xcaddy from a directory, such as that of the image, needs a linker
// flag to know its commit.
package build

import (
	"regexp"
	"runtime/debug"
	"sync"

	"go.uber.org/zap"
)

// Path is the path of this module.
const Path = "github.com/caddy-payermax/caddy-payermax"

// Unknown is the Version or the Commit of a binary that does not contain it.
const Unknown = "unknown"

// Build describes how a binary was built.
type Build struct {
	// Version is the version of this module, such as v1.2.0, or
	// v0.0.0-20261128213200-5c60cc5a1b2c for a commit without a tag. It ends with +dirty if
	// the checkout had uncommitted changes. A build with xcaddy from a directory has the
	// version that xcaddy was given, unless that is the placeholder v0.0.0.
	Version string
	// Commit is the commit that the binary was built from: 40 hexadecimal digits, or the 12
	// of a pseudo-version if the module was a dependency. If Go knows neither, it is the
	// value of the linker flag.
	Commit string
	// Go is the version of Go that compiled the binary, such as go1.26.8.
	Go string
}

// Current returns the build of this program.
var Current = sync.OnceValue(func() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return read(info, revision)
})

// revision is the commit that a linker flag sets: -X
// github.com/caddy-payermax/caddy-payermax/internal/build.revision=<commit>, as in
// xcaddy.Dockerfile. Without the flag, the commit of a build with xcaddy from a directory
// is unknown, because Go records no repository for a replaced module.
var revision string

// commitName matches a commit hash, full or abbreviated.
var commitName = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// read finds this module in Go's build information: it is the main module of the binary
// in caddy/, and a dependency of binaries that xcaddy builds.
func read(info *debug.BuildInfo, revision string) Build {
	b := Build{Version: Unknown, Commit: Unknown, Go: info.GoVersion}
	for _, module := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if module.Path != Path {
			continue
		}
		version := module.Version
		if module.Replace != nil && !isFolder(module.Replace) { // a fork, or another version
			version = module.Replace.Version
		}
		if version != "" && version != devel && version != "v0.0.0" {
			b.Version = version
		}
		if found := pseudoVersion.FindStringSubmatch(version); found != nil {
			b.Commit = found[1]
		}
		if module == &info.Main {
			b.readCommit(info.Settings)
		}
		break
	}
	if b.Commit == Unknown && commitName.MatchString(revision) {
		b.Commit = revision
	}
	return b
}

// devel is what Go records for an unknown version.
const devel = "(devel)"

// isFolder reports whether a module was replaced by a directory, which has no version.
func isFolder(replacement *debug.Module) bool {
	return replacement.Version == "" || replacement.Version == devel
}

// pseudoVersion matches the version of a commit without a tag
// (https://go.dev/ref/mod#pseudo-versions); its group is the commit.
var pseudoVersion = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+-(?:.*\.)?[0-9]{14}-([0-9a-f]{12})(?:\+.*)?$`)

// readCommit reads the commit from the build settings, which describe the main module's
// repository.
func (b *Build) readCommit(settings []debug.BuildSetting) {
	for _, setting := range settings {
		if setting.Key == "vcs.revision" {
			b.Commit = setting.Value
		}
	}
}

// announced limits Announce to one line per process, since the build does not change when
// the config does.
var announced sync.Once

// Announce logs the build, once per process.
func Announce(logger *zap.Logger) {
	announced.Do(func() {
		b := Current()
		logger.Info("caddy-payermax", zap.String("version", b.Version), zap.String("commit", b.Commit), zap.String("go", b.Go))
	})
}
