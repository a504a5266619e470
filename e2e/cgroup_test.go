package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// cgroup is a control group in which the kernel grants a process less than the machine has. Only
// root can create one.
type cgroup struct{ directory string }

// newCgroup creates a group with a setting whose name and format differ between the two versions of
// control groups. If that is not possible here, it returns nil and logs the reason.
func newCgroup(t *testing.T, controller string, v1, v2 map[string]string) *cgroup {
	t.Helper()
	for root, settings := range map[string]map[string]string{"/sys/fs/cgroup/" + controller: v1, "/sys/fs/cgroup": v2} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		group := &cgroup{filepath.Join(root, fmt.Sprintf("payermax-test-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-")))}
		if err := group.make(settings); err != nil {
			t.Logf("there can be no control group for %s here: %v", controller, err)
			return nil
		}
		t.Cleanup(func() { assert.NoError(t, os.Remove(group.directory)) })
		return group
	}
	t.Logf("this system has no control groups for %s", controller)
	return nil
}

func (g *cgroup) make(settings map[string]string) error {
	if err := os.Mkdir(g.directory, 0o755); err != nil {
		return err
	}
	for name, value := range settings {
		if err := g.set(name, value); err != nil {
			_ = os.Remove(g.directory)
			return err
		}
	}
	return nil
}

// set changes a setting of the group.
func (g *cgroup) set(name, value string) error {
	return os.WriteFile(filepath.Join(g.directory, name), []byte(value), 0o644)
}

// throttle limits the group's processes to quota milliseconds of CPU in each period of period
// milliseconds.
func (g *cgroup) throttle(quota, period int) error {
	if g.isV1() {
		return g.set("cpu.cfs_quota_us", strconv.Itoa(quota*1000))
	}
	return g.set("cpu.max", fmt.Sprintf("%d %d", quota*1000, period*1000))
}

// unthrottle removes that limit.
func (g *cgroup) unthrottle() error {
	if g.isV1() {
		return g.set("cpu.cfs_quota_us", "-1")
	}
	return g.set("cpu.max", "max")
}

func (g *cgroup) isV1() bool {
	_, err := os.Stat(filepath.Join(g.directory, "cpu.cfs_quota_us"))
	return err == nil
}

// wrap makes a command run in the group from its first instruction on.
func (g *cgroup) wrap(cmd *exec.Cmd) {
	if g == nil {
		return
	}
	const enter = `echo $$ > "$0/cgroup.procs" && exec "$@"`
	cmd.Args = append([]string{"sh", "-c", enter, g.directory, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
}
