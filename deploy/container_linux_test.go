package deploy

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// container is a process confined as a pod's security context would confine it: with its own
// read-only root, as another user, without any capability, and without a way to gain one. It keeps
// the machine's network, where the tests run.
type container struct {
	Root string
	// Volumes are the host's writable directories, keyed by where they are mounted.
	Volumes map[string]string
	Env     []string
	Args    []string
}

// becomeContainer is the environment variable that makes the test binary become a container. A
// process can drop only its own capability bounding set.
const becomeContainer = "DEPLOY_TEST_CONTAINER"

func init() {
	if text := os.Getenv(becomeContainer); text != "" {
		var c container
		err := json.Unmarshal([]byte(text), &c)
		if err == nil {
			err = c.become()
		}
		fmt.Fprintln(os.Stderr, "container:", err) // become returns only if it fails
		os.Exit(126)
	}
}

// become turns this process into the container. The process is already in a mount namespace of its
// own.
func (c container) become() error {
	runtime.LockOSThread() // capabilities belong to a thread
	if err := unix.Mount(c.Root, c.Root, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting the root: %w", err)
	}
	if err := unix.Mount("", c.Root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("making the root read-only: %w", err)
	}
	for path, directory := range c.Volumes {
		if err := unix.Mount(directory, c.Root+path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", path, err)
		}
	}
	if err := errors.Join(unix.Chroot(c.Root), unix.Chdir("/")); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: an older kernel does not know the capability
			return fmt.Errorf("dropping capability %d: %w", capability, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up new privileges: %w", err)
	}
	const user = 65532
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(user, user, user), syscall.Setresuid(user, user, user)); err != nil {
		return fmt.Errorf("changing the user: %w", err)
	}
	return fmt.Errorf("exec %s: %w", c.Args[0], unix.Exec(c.Args[0], c.Args, c.Env))
}

// command returns the process that becomes the container.
func (c container) command(t *testing.T, ctx context.Context) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	text, err := json.Marshal(c)
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = []string{becomeContainer + "=" + string(text)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return cmd
}

// requireContainers skips the test if this user cannot create a container. CI runs as root.
func requireContainers(t *testing.T) {
	t.Helper()
	probe := exec.Command("/proc/self/exe", "-test.run=^$")
	probe.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	err := probe.Run()
	switch {
	case err == nil:
	case os.Getenv("CI") != "" && os.Geteuid() == 0:
		require.NoError(t, err, "root cannot make a mount namespace, but CI must not skip this test")
	default:
		t.Skipf("a mount namespace needs root: %v", err)
	}
}

// setCapability gives a file cap_net_bind_service=+ep, as setcap would.
func setCapability(t *testing.T, path string) {
	t.Helper()
	const revision2, effective = 0x02000000, 0x1
	var attribute bytes.Buffer
	for _, word := range []uint32{ // struct vfs_cap_data of capability.h
		revision2 | effective,
		1 << unix.CAP_NET_BIND_SERVICE, 0, // permitted, inheritable
		0, 0,
	} {
		require.NoError(t, binary.Write(&attribute, binary.LittleEndian, word))
	}
	err := unix.Setxattr(path, "security.capability", attribute.Bytes(), 0)
	if os.Getenv("CI") == "" && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP)) {
		t.Skipf("no file capability can be set in %s: %v", filepath.Dir(path), err)
	}
	require.NoError(t, err)
}
