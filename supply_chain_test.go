package payermax

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
)

const supplyChainPage = "docs/supply-chain.md"

// The pages that install the binary build the same one as the releases, which the
// supply-chain page describes: they all have the same command, with the flags of CI.
func TestPagesBuildWhatReleasesDo(t *testing.T) {
	command := regexp.MustCompile(`CGO_ENABLED=0 go build .*-o bin/ \./caddy`)
	built := command.FindString(markdown.Page(t, supplyChainPage))
	require.NotEmpty(t, built)
	for _, page := range []string{operationsPage, "deploy/systemd/README.md"} {
		assert.Equal(t, []string{built}, command.FindAllString(markdown.Page(t, page), -1), page)
	}

	flags := regexp.MustCompile(`shipped\(\) \{ (CGO_ENABLED=0) GOFLAGS=".* (-trimpath) (-tags=\S+)" `).FindStringSubmatch(markdown.Page(t, ".ci/build"))
	require.NotNil(t, flags)
	const release = "-buildvcs=true -ldflags '-s -w'"
	assert.Contains(t, markdown.Page(t, ".ci/release"), "go build "+release+" -o")
	for _, flag := range append(flags[1:], strings.SplitN(release, " ", 2)...) {
		assert.Contains(t, built, flag)
	}
}

// The page names each Go module besides the one that is shipped.
func TestSupplyChainNamesTheModules(t *testing.T) {
	section, err := markdown.Section(markdown.Page(t, supplyChainPage), "Modules")
	require.NoError(t, err)
	found := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.Name() == "testdata" {
			return fs.SkipDir
		}
		if err != nil || entry.Name() != "go.mod" || path == "go.mod" {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		if !strings.HasPrefix(folder, "e2e/cluster/") { // these are programs of the module in e2e/cluster
			found++
			assert.Contains(t, section, "`"+folder+"`")
		}
		return nil
	}))
	assert.Greater(t, found, 5)
}
