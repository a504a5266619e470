package confinement

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// confinedFolder tells a child process of TestLandlockConfines to confine itself, and
// names the directory that it may read and write.
const confinedFolder = "CADDY_PAYERMAX_CONFINED_FOLDER"

// A confined process can read, create and remove files where it is allowed to, including
// new files. It cannot access anything else, and cannot start any program. A file that it
// has open elsewhere, and so cannot rotate, is reported.
func TestLandlockConfines(t *testing.T) {
	folder := os.Getenv(confinedFolder)
	if folder != "" {
		beConfined(t, folder)
		return
	}
	if version, err := ll.LandlockGetABIVersion(); err != nil || version == 0 {
		if os.Getenv("CI") != "" {
			require.FailNow(t, "this kernel has no Landlock")
		}
		t.Skip("this kernel has no Landlock")
	}

	folder = t.TempDir()
	for _, name := range []string{"read", "write", "other"} {
		require.NoError(t, os.Mkdir(filepath.Join(folder, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name, "file"), []byte("content"), 0o600))
	}
	program := testtool.Find(t, "true")
	content, err := os.ReadFile(program)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "write", "program"), content, 0o700))

	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self, "-test.run=^TestLandlockConfines$")
	child.Env = append(os.Environ(), confinedFolder+"="+folder)
	said, err := child.CombinedOutput()
	require.NoError(t, err, string(said))
}

func beConfined(t *testing.T, folder string) {
	at := func(names ...string) string { return filepath.Join(append([]string{folder}, names...)...) }
	needed := Paths{Read: []string{at("read")}, Write: []string{at("write")}}
	open := func(name string, flags int) {
		file, err := os.OpenFile(name, flags, 0o600)
		require.NoError(t, err)
		t.Cleanup(func() { file.Close() })
	}
	open(at("write", "log"), os.O_CREATE|os.O_WRONLY)
	open(at("other", "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND)
	open(at("other", "file"), os.O_RDONLY)
	core, logs := observer.New(zap.WarnLevel)
	require.NoError(t, Hold(needed, true, zap.New(core)))
	require.Equal(t, 1, logs.Len(), "only a log that cannot be rotated is reported: %v", logs.All())
	assert.Equal(t, at("other", "log"), logs.All()[0].ContextMap()["file"])

	_, err := os.ReadFile(at("read", "file"))
	require.NoError(t, err)
	_, err = os.ReadDir(at("read"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(at("write", "new"), []byte("content"), 0o600))
	require.NoError(t, os.WriteFile(at("write", "new"), []byte("other"), 0o600), "with truncating")
	require.NoError(t, os.Rename(at("write", "new"), at("write", "newer")))
	require.NoError(t, os.Mkdir(at("write", "folder"), 0o700))
	require.NoError(t, os.Remove(at("write", "folder")))
	require.NoError(t, os.Remove(at("write", "newer")))

	forbidden := map[string]func() error{
		"read elsewhere":      func() error { _, err := os.ReadFile(at("other", "file")); return err },
		"list elsewhere":      func() error { _, err := os.ReadDir(at("other")); return err },
		"write elsewhere":     func() error { return os.WriteFile(at("other", "new"), nil, 0o600) },
		"overwrite elsewhere": func() error { return os.WriteFile(at("other", "file"), nil, 0o600) },
		"remove elsewhere":    func() error { return os.Remove(at("other", "file")) },
		"write what it reads": func() error { return os.WriteFile(at("read", "file"), nil, 0o600) },
		"link from elsewhere": func() error { return os.Symlink(at("other", "file"), at("write", "link")) },
		"run a program":       func() error { return exec.Command("/bin/true").Run() },
		"run its own file":    func() error { return exec.Command(at("write", "program")).Run() },
		"run itself":          func() error { return exec.Command("/proc/self/exe").Run() },
	}
	for what, attempt := range forbidden {
		assert.ErrorIs(t, attempt(), os.ErrPermission, what)
	}
}

func TestPathsBeyond(t *testing.T) {
	held := Paths{Read: []string{"/etc", "/run/keys"}, Write: []string{"/data"}}
	for name, row := range map[string]struct {
		needed Paths
		beyond string
	}{
		"the same":              {held, ""},
		"less":                  {Paths{Read: []string{"/etc"}}, ""},
		"below":                 {Paths{Read: []string{"/run/keys/..2026"}, Write: []string{"/data/caddy"}}, ""},
		"reads what it writes":  {Paths{Read: []string{"/data/caddy"}}, ""},
		"another":               {Paths{Read: []string{"/run"}}, "/run"},
		"of a similar name":     {Paths{Read: []string{"/run/keys2"}}, "/run/keys2"},
		"writes what it reads":  {Paths{Write: []string{"/etc"}}, "/etc"},
		"everything":            {Paths{Read: []string{"/"}}, "/"},
		"nothing":               {Paths{}, ""},
		"the second of several": {Paths{Read: []string{"/etc", "/srv"}}, "/srv"},
	} {
		path, ok := row.needed.Beyond(held)
		assert.Equal(t, row.beyond, path, name)
		assert.Equal(t, row.beyond != "", ok, name)
	}
	assert.True(t, isBelow("/etc/hosts", []string{"/"}))
}
