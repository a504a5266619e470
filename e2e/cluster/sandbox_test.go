package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The overlay sandbox, unchanged: the sidecar serves before the application starts, the probes are
// answered, and the commands that operators run in the container work there.
func TestSandbox(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "sandbox")
	c.kubectl(t, "apply", "-n", namespace, "-k", overlays+"sandbox")
	t.Logf("ready after %.1f s", c.ready(t, namespace, "shop").Seconds())
	p := c.onlyPod(t, namespace)

	t.Run("the sidecar starts first", func(t *testing.T) {
		c.awaitLog(t, `first call: {"APPLY_SUCCESS":1}`, namespace, p.Metadata.Name, "-c", "shop")
		sidecar, shop := p.container("payermax"), p.container("shop")
		assert.False(t, shop.State.Running.StartedAt.Before(sidecar.State.Running.StartedAt))
	})
	t.Run("probes", func(t *testing.T) {
		for path, says := range map[string]string{"startupz": `"status"`, "livez": `"status"`, "readyz": `"sandbox":true`, "metrics": "caddy_payermax_sandbox 1"} {
			status, body := c.get(t, fmt.Sprintf("http://%s:8081/%s", p.Status.PodIP, path))
			assert.Equal(t, 200, status, path)
			assert.Contains(t, body, says, path)
		}
		status, _ := c.get(t, fmt.Sprintf("http://%s:8080/readyz", p.Status.PodIP))
		assert.Zero(t, status, "the port that signs is on loopback")
	})
	t.Run("kubectl exec", func(t *testing.T) {
		for _, command := range []string{
			"payermax-doctor --config /etc/caddy/Caddyfile --call", "payermax-doctor --config /etc/caddy/Caddyfile --offline",
			"payermax-health", "validate --config /etc/caddy/Caddyfile", "list-modules",
		} {
			args := append([]string{"exec", "-n", namespace, p.Metadata.Name, "-c", "payermax", "--", "/usr/bin/caddy"}, strings.Fields(command)...)
			said := c.kubectl(t, args...)
			t.Logf("%s\n%s", command, lastLines(said, 3))
		}
	})
	t.Run("logs", func(t *testing.T) {
		log := c.kubectl(t, "logs", "-n", namespace, p.Metadata.Name, "-c", "payermax")
		for line := range strings.Lines(log) {
			assert.NotContains(t, line, `"level":"error"`)
			if strings.Contains(line, `"level":"warn"`) {
				t.Log(line)
			}
		}
	})
	t.Run("memory and CPU as the manifests give them", func(t *testing.T) {
		group := c.cgroup(t, p, "payermax")
		assert.Equal(t, "201326592", group.value(t, "memory", "memory.limit_in_bytes", "memory.max"), "192 MiB")
		if shares := group.value(t, "cpu", "cpu.shares", "cpu.weight"); shares != "51" { // 50m CPU, of 1024 shares
			assert.Equal(t, "2", shares)
		}
		quota := group.value(t, "cpu", "cpu.cfs_quota_us", "cpu.max")
		assert.True(t, quota == "-1" || strings.HasPrefix(quota, "max"), "a quota stops signatures: %s", quota)
		before := c.report(t, p)[success]
		c.load(t, p, 4)
		await(t, 30*time.Second, "a thousand calls", func() bool { return c.report(t, p)[success] > before+1000 })
		used, err := strconv.Atoi(group.value(t, "memory", "memory.max_usage_in_bytes", "memory.peak"))
		require.NoError(t, err)
		t.Logf("memory at most %d MiB of 192, page cache included", used>>20)
		assert.Less(t, used, 192<<20)
	})
	t.Run("a frozen sidecar is replaced", func(t *testing.T) {
		pid := c.cgroup(t, p, "payermax").process(t)
		frozen := time.Now()
		require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
		notReady := await(t, 40*time.Second, "the pod not to be ready", func() bool { return !c.onlyPod(t, namespace).container("payermax").Ready })
		replaced := notReady + await(t, 3*time.Minute, "the sidecar to be replaced", func() bool {
			status := c.onlyPod(t, namespace).container("payermax")
			return status.RestartCount == 1 && status.Ready
		})
		ended := c.onlyPod(t, namespace).container("payermax").LastState.Terminated
		require.NotNil(t, ended)
		killed := ended.FinishedAt.Sub(frozen)
		t.Logf("not ready after %.1f s, killed after %.1f s, replaced after %.1f s", notReady.Seconds(), killed.Seconds(), replaced.Seconds())
		// The probe has failed five times after 20 s at the earliest. Without a termination grace
		// period of its own, the pod's, a minute, would be added.
		assert.Less(t, killed, 75*time.Second)
		assert.Zero(t, c.onlyPod(t, namespace).container("shop").RestartCount)
	})
}

// The kernel kills a sidecar that exceeds its memory limit. The kubelet restarts it without
// restarting the application, and the operator can see the reason; the call in flight gets no
// answer.
func TestOutOfMemory(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "memory")
	c.kubectl(t, "apply", "-n", namespace, "-k", overlays+"sandbox")
	c.ready(t, namespace, "shop")
	p := c.onlyPod(t, namespace)
	c.load(t, p, 2)
	await(t, 30*time.Second, "calls", func() bool { return c.report(t, p)[success] > 20 })

	hog(t, c.cgroup(t, p, "payermax"))
	await(t, 30*time.Second, "the sidecar to be killed", func() bool { return c.onlyPod(t, namespace).container("payermax").RestartCount == 1 })
	back := await(t, 30*time.Second, "the sidecar to be back", func() bool {
		p = c.onlyPod(t, namespace)
		restarted := p.container("payermax")
		return restarted.Ready && restarted.LastState.Terminated != nil // which the kubelet may report later
	})
	ended := p.container("payermax").LastState.Terminated
	assert.Equal(t, "OOMKilled", ended.Reason)
	assert.Equal(t, 137, ended.ExitCode)
	assert.Zero(t, p.container("shop").RestartCount)
	described := c.kubectl(t, "describe", "pod", "-n", namespace, p.Metadata.Name)
	assert.Contains(t, described, "OOMKilled")
	before := c.report(t, p)[success]
	await(t, 30*time.Second, "calls to be answered again", func() bool { return c.report(t, p)[success] > before+20 })
	t.Logf("back after %.1f s; calls: %v", back.Seconds(), c.report(t, p))
}

// hog fills a container's memory from within its control group. The kernel then kills the
// container's process, whose oom_score_adj is the one that the kubelet sets for pods that may use
// more than they request (some 990 of 1000), and not the hog, which has none.
func hog(t *testing.T, group cgroup) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", `
		read -r _
		exec head -c 190m /dev/zero | tail`)
	begin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = begin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	pid := strconv.Itoa(cmd.Process.Pid)
	for _, folder := range group.folders {
		if strings.Contains(folder, "/memory/") || strings.HasPrefix(folder, "/sys/fs/cgroup/payermax-cluster-") {
			require.NoError(t, os.WriteFile(filepath.Join(folder, "cgroup.procs"), []byte(pid), 0))
		}
	}
	_, err = begin.Write([]byte("\n"))
	require.NoError(t, err)
}

// cgroup holds the directories of a container's control groups.
type cgroup struct{ folders []string }

// cgroup finds the control groups that the kubelet created for a container.
func (c *cluster) cgroup(t *testing.T, p pod, container string) cgroup {
	t.Helper()
	_, id, _ := strings.Cut(p.container(container).ContainerID, "://")
	require.NotEmpty(t, id)
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		for _, class := range []string{"", "burstable/", "besteffort/"} {
			folders, err := filepath.Glob(filepath.Join(pattern, "payermax-cluster-*/kubepods", class+"pod"+p.Metadata.UID, id))
			require.NoError(t, err)
			found = append(found, folders...)
		}
	}
	require.NotEmpty(t, found)
	return cgroup{found}
}

// value reads a setting, by its name in version 1 or version 2 of control groups.
func (g cgroup) value(t *testing.T, controller, name1, name2 string) string {
	t.Helper()
	for _, folder := range g.folders {
		for _, name := range []string{name1, name2} {
			if text, err := os.ReadFile(filepath.Join(folder, name)); err == nil {
				return strings.TrimSpace(string(text))
			}
		}
	}
	require.FailNow(t, "no such setting", "%s: %s, %s", controller, name1, name2)
	return ""
}

// process returns the ID of a container's only process, as seen from the tests' machine.
func (g cgroup) process(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.folders[0], "cgroup.procs"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return pid
}
