package deploy

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// engine is a Docker engine in its own namespaces. Its only network is the one it creates, it has
// no registry, and everything it mounts and writes disappears with it.
type engine struct {
	environment []string
}

// beginEngine is the script that becomes the engine, the first process of its namespaces.
const beginEngine = `
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs "$ENGINE/data"
ip link set lo up
exec dockerd --host "unix://$ENGINE/socket" --data-root "$ENGINE/data" --exec-root /run/docker --pidfile /run/docker.pid --cgroup-parent "/$CGROUP"
`

// startEngine starts Docker, or skips the test if Docker does not start.
func startEngine(t *testing.T) *engine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: a Docker engine needs root")
	}
	for _, program := range []string{"dockerd", "docker", "containerd", "runc", "iptables", "ip", "unshare", "ldd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("NOT RUN: " + program + " is missing; .ci/tools installs it")
		}
	}
	folder, err := os.MkdirTemp("", "payermax-docker-") // a short path, for the socket
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "data"), 0o700))
	cmd := exec.Command("unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "sh", "-euc", beginEngine)
	cmd.Env = append(os.Environ(), "ENGINE="+folder, "CGROUP="+filepath.Base(folder))
	dockerd := testprocess.Start(t, cmd)
	t.Cleanup(func() {
		dockerd.Kill() // and with it all of its processes
		removeCgroups(filepath.Base(folder))
		os.RemoveAll(folder)
	})
	// Debian's client comes first in PATH: it builds with BuildKit without a plug-in.
	e := &engine{environment: append(os.Environ(), "PATH=/usr/bin:"+os.Getenv("PATH"), "DOCKER_HOST=unix://"+folder+"/socket", "DOCKER_BUILDKIT=1")}
	for range 600 {
		if _, err := e.try("docker", "version"); err == nil {
			return e
		}
		if dockerd.HasEnded() {
			t.Skip("NOT RUN: dockerd ends here: " + lastOf(string(dockerd.SoFar()), 300))
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Skip("NOT RUN: dockerd does not answer here: " + lastOf(string(dockerd.SoFar()), 300))
	return nil
}

func lastOf(text string, n int) string { return strings.TrimSpace(text[max(0, len(text)-n):]) }

// removeCgroups removes the control groups that the containers used.
func removeCgroups(name string) {
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	for _, top := range append(groups, "/sys/fs/cgroup/"+name) {
		var folders []string
		_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return nil
		})
		for _, folder := range slices.Backward(folders) {
			_ = os.Remove(folder)
		}
	}
}

// command returns a command that talks to the engine.
func (e *engine) command(ctx context.Context, folder, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = folder, e.environment
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func (e *engine) try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	said, err := e.command(ctx, "", name, args...).CombinedOutput()
	return strings.TrimSpace(string(said)), err
}

// docker runs a docker command and returns its output.
func (e *engine) docker(t *testing.T, args ...string) string {
	t.Helper()
	said, err := e.try("docker", args...)
	require.NoError(t, err, "docker %s: %s", strings.Join(args, " "), said)
	return said
}

// shell runs commands in a directory, as a reader of the page would.
func (e *engine) shell(t *testing.T, folder, commands string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	said, err := e.command(ctx, folder, "sh", "-euc", commands).CombinedOutput()
	require.NoError(t, err, "%s\n%s", commands, said)
	return string(said)
}

// imports makes an image of programs of this machine, with the libraries they are linked with, and
// of files keyed by their paths in the image.
func (e *engine) imports(t *testing.T, name string, programs []string, files map[string]string, changes ...string) {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	for _, program := range programs {
		path, err := exec.LookPath(program)
		require.NoError(t, err)
		linked, _ := exec.Command("ldd", path).Output() // ldd fails for a static one
		place(t, path, root+"/usr/bin/"+filepath.Base(program))
		for _, library := range regexp.MustCompile(`(?m)(?:=> |^\s*)(/\S+) \(0x`).FindAllSubmatch(linked, -1) {
			place(t, string(library[1]), root+string(library[1]))
		}
	}
	for to, from := range files {
		place(t, from, root+to)
	}
	require.NoError(t, os.Symlink("usr/bin", root+"/bin"))
	arguments := []string{"import"}
	for _, change := range append(changes, "ENV PATH=/usr/bin") {
		arguments = append(arguments, "--change", change)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	said, err := exec.Command("tar", "-C", root, "-cf", archive, ".").CombinedOutput()
	require.NoError(t, err, "%s", said)
	e.docker(t, append(arguments, archive, name)...)
}

// place copies a file or a directory.
func place(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	said, err := exec.Command("cp", "-RL", from, to).CombinedOutput()
	require.NoError(t, err, "%s", said)
}
