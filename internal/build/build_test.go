package build

import (
	"os"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// The build information for each way to build a binary.
func TestRead(t *testing.T) {
	const commit = "5c60cc5a1b2c0123456789abcdef0123456789ab"
	const pseudo, short = "v1.2.1-0.20261128213200-5c60cc5a1b2c", "5c60cc5a1b2c"
	stamped := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: commit}, {Key: "vcs.modified", Value: "false"}}
	own := func(version string) debug.Module { return debug.Module{Path: Path, Version: version} }
	dependency := func(version string, replace *debug.Module) debug.BuildInfo {
		return debug.BuildInfo{Main: debug.Module{Path: "caddy", Version: "(devel)"}, Settings: stamped, Deps: []*debug.Module{
			{Path: Path + "/keys/kms", Version: "v9.9.9"}, {Path: Path, Version: version, Replace: replace},
		}}
	}
	folder := &debug.Module{Path: "/src", Version: devel}
	for name, test := range map[string]struct {
		info            debug.BuildInfo
		version, commit string
	}{
		"a tag":                              {debug.BuildInfo{Main: own("v1.2.0"), Settings: stamped}, "v1.2.0", commit},
		"a commit without a tag":             {debug.BuildInfo{Main: own(pseudo), Settings: stamped}, pseudo, commit},
		"with changes":                       {debug.BuildInfo{Main: own("v1.2.0+dirty"), Settings: stamped}, "v1.2.0+dirty", commit},
		"without a repository":               {debug.BuildInfo{Main: own("(devel)")}, Unknown, Unknown},
		"go install":                         {debug.BuildInfo{Main: own("v1.2.0")}, "v1.2.0", Unknown},
		"go install of a commit":             {debug.BuildInfo{Main: own("v0.0.0-20261128213200-5c60cc5a1b2c")}, "v0.0.0-20261128213200-5c60cc5a1b2c", short},
		"go build of a changed commit":       {debug.BuildInfo{Main: own(pseudo + "+dirty")}, pseudo + "+dirty", short},
		"xcaddy":                             {dependency("v1.2.0", nil), "v1.2.0", Unknown},
		"xcaddy of a commit":                 {dependency(pseudo, nil), pseudo, short},
		"xcaddy of a pre-release":            {dependency("v1.2.0-rc.1.0.20261128213200-5c60cc5a1b2c", nil), "v1.2.0-rc.1.0.20261128213200-5c60cc5a1b2c", short},
		"xcaddy of a folder":                 {dependency("v0.0.0", folder), Unknown, Unknown},
		"xcaddy of a folder, by a name":      {dependency("v1.2.0", folder), "v1.2.0", Unknown},
		"xcaddy of a folder, before Go 1.24": {dependency("v1.2.0", &debug.Module{Path: "/src"}), "v1.2.0", Unknown},
		"xcaddy of a folder, by a commit":    {dependency(pseudo, folder), pseudo, short},
		"xcaddy of a fork":                   {dependency("v1.2.0", &debug.Module{Path: "example.com/fork", Version: "v1.3.0"}), "v1.3.0", Unknown},
		"no such module":                     {debug.BuildInfo{}, Unknown, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			test.info.GoVersion = "go1.26.8"
			assert.Equal(t, Build{Version: test.version, Commit: test.commit, Go: "go1.26.8"}, read(&test.info, ""))
		})
	}
}

func TestAnnounceOnce(t *testing.T) {
	announced = sync.Once{} // whatever has run in this process before
	core, logged := observer.New(zapcore.InfoLevel)
	for range 3 {
		Announce(zap.New(core))
	}
	lines := logged.All()
	if assert.Len(t, lines, 1) {
		assert.Equal(t, "caddy-payermax", lines[0].Message)
		b := Current()
		assert.Equal(t, map[string]any{"version": b.Version, "commit": b.Commit, "go": b.Go}, lines[0].ContextMap())
	}
}

// The linker flag is the commit only if Go knows none, and only if the value looks like a
// commit.
func TestRevisionOfTheLinker(t *testing.T) {
	const commit = "5c60cc5a1b2c0123456789abcdef0123456789ab"
	image := func(version string) *debug.BuildInfo {
		return &debug.BuildInfo{Deps: []*debug.Module{{Path: Path, Version: version, Replace: &debug.Module{Path: "/src", Version: devel}}}}
	}
	assert.Equal(t, commit, read(image("v1.2.0"), commit).Commit)
	assert.Equal(t, "v1.2.0", read(image("v1.2.0"), commit).Version)
	assert.Equal(t, "0123456789ab", read(image("v1.2.1-0.20261128213200-0123456789ab"), commit).Commit, "Go knows better")
	for _, none := range []string{"", Unknown, "HEAD", "main", "v1.2.0"} {
		assert.Equal(t, Unknown, read(image("v1.2.0"), none).Commit, none)
	}
}

// The image's build sets that variable, and otherwise uses xcaddy's own flags.
func TestImageNamesTheCommit(t *testing.T) {
	assert.Empty(t, revision, "nobody names a commit in tests")
	dockerfile, err := os.ReadFile("../../xcaddy.Dockerfile")
	require.NoError(t, err)
	assert.Contains(t, string(dockerfile), `XCADDY_GO_BUILD_FLAGS="-trimpath -tags=nobadger,nomysql,nopgx '-ldflags=-w -s -X `+Path+`/internal/build.revision=${REVISION}'"`)
}
