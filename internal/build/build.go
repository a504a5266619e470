// Package build knows which version of this module the program has, and from which
// commit it was made: from what Go writes into each binary. Only a build with xcaddy from a
// folder, such as that of the image, needs a flag of the linker to know its commit.
package build

import (
	"regexp"
	"runtime/debug"
	"sync"

	"go.uber.org/zap"
)

// Path is this module's.
const Path = "github.com/caddy-payermax/caddy-payermax"

// Unknown stands for a version or a commit that the binary does not tell.
const Unknown = "unknown"

// Build is what a binary says of this module.
type Build struct {
	// Version is the module's, such as v1.2.0, or v0.0.0-20261128213200-5c60cc5a1b2c
	// of a commit without a tag. It ends with +dirty if the checkout had changes that
	// were not committed. A build with xcaddy from a folder has the version that was
	// given with it, unless that is the placeholder v0.0.0.
	Version string
	// Commit is the one that the binary was built from: 40 hexadecimal digits, or
	// the 12 that a pseudo-version has, if the module was only a dependency. Where Go knows
	// neither, it is what the linker was given.
	Commit string
	// Go is the version of Go that compiled it, such as go1.26.8.
	Go string
}

// Current is this program's build.
var Current = sync.OnceValue(func() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return read(info, revision)
})

// revision is the commit that whoever builds names by a flag of the linker, as
// xcaddy.Dockerfile does: -X github.com/caddy-payermax/caddy-payermax/internal/build.revision=<commit>.
// Go takes a folder that xcaddy builds from for a version without a repository.
var revision string

// commitName is the name of a commit, whole or abbreviated.
var commitName = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// read finds this module in what Go says: it is the main one of the binary in
// caddy/, and a dependency of what xcaddy builds.
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

// devel is what Go says in the place of a version that it does not know.
const devel = "(devel)"

// isFolder reports whether a module was replaced by a folder, which has no version.
func isFolder(replacement *debug.Module) bool {
	return replacement.Version == "" || replacement.Version == devel
}

// pseudoVersion is the form of the version of a commit without a tag
// (https://go.dev/ref/mod#pseudo-versions); its group is the commit.
var pseudoVersion = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+-(?:.*\.)?[0-9]{14}-([0-9a-f]{12})(?:\+.*)?$`)

// readCommit takes the commit from the settings, which are those of the main module's
// repository.
func (b *Build) readCommit(settings []debug.BuildSetting) {
	for _, setting := range settings {
		if setting.Key == "vcs.revision" {
			b.Commit = setting.Value
		}
	}
}

// announced keeps the line of the log to one for each process, whose build does not
// change when its config does.
var announced sync.Once

// Announce says in the log, once for each process, what it is.
func Announce(logger *zap.Logger) {
	announced.Do(func() {
		b := Current()
		logger.Info("caddy-payermax", zap.String("version", b.Version), zap.String("commit", b.Commit), zap.String("go", b.Go))
	})
}
