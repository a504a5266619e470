// Package cluster runs what deploy/ contains on a Kubernetes node of its own: the image that
// xcaddy.Dockerfile describes and the unchanged overlays, with a gateway that shares no code with
// the code under test.
package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

const (
	// nodeBinary names the environment variable with the path of the program in directory node,
	// which .ci/cluster builds.
	nodeBinary = "CLUSTER_NODE_BINARY"
	// coreDNSBinary names the one with the path of the program in directory coredns, and
	// adapterBinary the one for prometheus-adapter. .ci/cluster builds them as well.
	coreDNSBinary = "CLUSTER_COREDNS_BINARY"
	adapterBinary = "CLUSTER_ADAPTER_BINARY"
	// caddyBinary names the one with the path of a sidecar to test instead of one built here.
	caddyBinary = "CADDY_BINARY"

	repository = "../.."
	// monitoring is the namespace from which the policies let Prometheus in.
	monitoring = "monitoring"
)

// overlays is the directory of the overlays, as an absolute path, wherever kubectl runs.
var overlays = func() string {
	folder, err := filepath.Abs(repository + "/deploy/kubernetes/overlays")
	if err != nil {
		panic(err)
	}
	return folder + "/"
}()

// cluster is the node that all tests share, and the gateway outside it.
type cluster struct {
	*machine.Machine
	gateway *gateway
}

// started returns the cluster, or the reason why there is none.
var started = sync.OnceValues(func() (*cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	authority, err := newAuthority()
	if err != nil {
		return nil, err
	}
	images, err := makeImages(ctx, authority.certificate)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	node, err := machine.Start(ctx, os.Getenv(nodeBinary))
	if err != nil {
		return nil, err
	}
	running = node
	fmt.Printf("the node is ready after %.1f s\n", time.Since(began).Seconds())
	for _, i := range images {
		archive, err := i.Archive()
		if err != nil {
			return nil, err
		}
		if err := node.Import(ctx, archive); err != nil {
			return nil, fmt.Errorf("%s: %w", i.Name, err)
		}
	}
	c := &cluster{Machine: node}
	if c.gateway, err = serveGateway(node, authority); err != nil {
		return nil, err
	}
	if err := c.serveNames(ctx); err != nil {
		return nil, err
	}
	if _, err := node.Kubectl(ctx, "create", "namespace", monitoring); err != nil {
		return nil, err
	}
	fmt.Printf("images and name servers are there after %.1f s\n", time.Since(began).Seconds())
	return c, nil
})

// running is the machine to close after the tests.
var running *machine.Machine

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		reportMemory(running)
		running.Close()
	}
	os.Exit(code)
}

// start returns the cluster. If there can be none, the test is skipped and says why; in CI,
// .ci/cluster does not start the tests in that case.
func start(t *testing.T) *cluster {
	t.Helper()
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: a node needs root, for its namespaces and control groups")
	}
	for _, binary := range []string{nodeBinary, coreDNSBinary, adapterBinary} {
		if os.Getenv(binary) == "" {
			t.Skip("NOT RUN: " + binary + " is not set; .ci/cluster builds Kubernetes, which takes minutes the first time, and runs these tests")
		}
	}
	for _, tool := range []string{"etcd", "containerd", "runc", "iptables", "ip", "nsenter", "openssl", "redis-server", "prometheus"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("NOT RUN: " + tool + " is missing; .ci/tools installs it")
		}
	}
	c, err := started()
	require.NoError(t, err)
	return c
}

// reportMemory prints how much memory the node used.
func reportMemory(m *machine.Machine) {
	used := m.Memory()
	var names []string
	var total int64
	for name, bytes := range used {
		names, total = append(names, name), total+bytes
	}
	slices.SortFunc(names, func(a, b string) int { return int(used[b] - used[a]) })
	fmt.Printf("memory of the node: %d MiB", total>>20)
	for _, name := range names[:min(8, len(names))] {
		fmt.Printf(", %s %d", name, used[name]>>20)
	}
	fmt.Println()
}

// kubectl runs kubectl and returns its output.
func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := c.Kubectl(ctx, args...)
	require.NoError(t, err)
	return strings.TrimSpace(out)
}

// awaitLog waits until a container has logged something, which kubectl sees a moment later, and
// returns its whole log so far.
func (c *cluster) awaitLog(t *testing.T, what, namespace, of string, args ...string) (log string) {
	t.Helper()
	await(t, time.Minute, of+" to log "+what, func() bool {
		log = c.kubectl(t, append([]string{"logs", "-n", namespace, of}, args...)...)
		return strings.Contains(log, what)
	})
	return log
}

// apply applies a manifest.
func (c *cluster) apply(t *testing.T, text string) {
	t.Helper()
	cmd := c.Command(t.Context(), "kubectl", "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// shell runs commands in a directory, as a reader of the README would.
func (c *cluster) shell(t *testing.T, folder, commands string) string {
	t.Helper()
	cmd := c.Command(t.Context(), "sh", "-euc", "cd "+folder+"\n"+commands)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", commands, out)
	return string(out)
}

// namespace creates a namespace that enforces the restricted Pod Security standard, and deletes it
// at the end of the test. If the test fails, it prints the namespace's state.
func (c *cluster) namespace(t *testing.T, name string, labels ...string) string {
	t.Helper()
	c.kubectl(t, "create", "namespace", name)
	c.kubectl(t, append([]string{"label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"}, labels...)...)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if t.Failed() {
			for _, args := range [][]string{
				{"get", "pods,jobs,services", "-o", "wide"}, {"get", "events", "--sort-by=.lastTimestamp"},
				{"logs", "--selector=payermax-signer=true", "--all-containers", "--prefix", "--tail=15"},
			} {
				out, err := c.Kubectl(ctx, append(args, "-n", name)...)
				t.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, lastLines(out, 40))
			}
		}
		_, err := c.Kubectl(ctx, "delete", "namespace", name, "--wait=false")
		assert.NoError(t, err)
	})
	return name
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = line[:min(len(line), 900)]
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// await waits for a condition, and returns how long that took. It fails the test after the limit.
func await(t *testing.T, limit time.Duration, what string, condition func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !condition() {
		if time.Since(began) > limit {
			require.FailNow(t, "timed out waiting for "+what)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(began)
}

// ready waits until the Deployment of a namespace is ready.
func (c *cluster) ready(t *testing.T, namespace, deployment string) time.Duration {
	t.Helper()
	began := time.Now()
	c.kubectl(t, "rollout", "status", "-n", namespace, "deployment/"+deployment, "--timeout=60s")
	return time.Since(began)
}

// pod holds the fields of a pod that these tests check.
type pod struct {
	Metadata struct {
		Name, UID         string
		DeletionTimestamp *time.Time
	}
	Status struct {
		Phase                 string
		PodIP                 string
		PodIPs                []struct{ IP string }
		StartTime             time.Time
		ContainerStatuses     []containerStatus
		InitContainerStatuses []containerStatus
	}
}

type containerStatus struct {
	Name         string
	Ready        bool
	RestartCount int
	ContainerID  string
	State        struct {
		Running    *struct{ StartedAt time.Time }
		Waiting    *struct{ Reason, Message string }
		Terminated *struct {
			ExitCode              int
			StartedAt, FinishedAt time.Time
		}
	}
	LastState struct {
		Terminated *struct {
			ExitCode   int
			Reason     string
			FinishedAt time.Time
		}
	}
}

// container returns the status of a container, native sidecars included.
func (p pod) container(name string) containerStatus {
	for _, status := range append(p.Status.InitContainerStatuses, p.Status.ContainerStatuses...) {
		if status.Name == name {
			return status
		}
	}
	return containerStatus{}
}

// pods returns the pods of a namespace that are not being deleted.
func (c *cluster) pods(t *testing.T, namespace string, selector ...string) []pod {
	t.Helper()
	args := []string{"get", "pods", "-n", namespace, "-o", "json"}
	for _, labels := range selector {
		args = append(args, "--selector="+labels)
	}
	var list struct{ Items []pod }
	require.NoError(t, json.Unmarshal([]byte(c.kubectl(t, args...)), &list))
	return slices.DeleteFunc(list.Items, func(p pod) bool { return p.Metadata.DeletionTimestamp != nil })
}

// onlyPod returns the only pod of a namespace.
func (c *cluster) onlyPod(t *testing.T, namespace string) pod {
	t.Helper()
	pods := c.pods(t, namespace)
	require.Len(t, pods, 1)
	return pods[0]
}

// get makes a GET request from the node, as the kubelet would.
func (c *cluster) get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	return c.ask(t, http.MethodGet, url)
}

func (c *cluster) ask(t *testing.T, method, url string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: c.DialFromNode, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	answer, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

// outcomes counts calls by how they ended: by code or error.
type outcomes map[string]int

// report asks the shop how its calls ended.
func (c *cluster) report(t *testing.T, p pod) outcomes {
	t.Helper()
	_, body := c.get(t, "http://"+p.Status.PodIP+":3000/report")
	var o outcomes
	require.NoError(t, json.Unmarshal([]byte(body), &o), body)
	return o
}

// load makes the shop call continuously.
func (c *cluster) load(t *testing.T, p pod, workers int) {
	t.Helper()
	status, body := c.ask(t, http.MethodPost, fmt.Sprintf("http://%s:3000/load?workers=%d", p.Status.PodIP, workers))
	require.Equal(t, http.StatusOK, status, body)
}

// requireAnswered checks that every call was answered with success. On a busy machine, the sidecar
// may report up to one call in a hundred as not sent, which loses nothing: it was refused with 503,
// or the gateway or its name server did not answer in time.
func requireAnswered(t *testing.T, o outcomes) int {
	t.Helper()
	for outcome, calls := range o {
		switch {
		case outcome == success:
		case strings.HasPrefix(outcome, "503 ") || strings.Contains(outcome, "nothing was sent"):
			t.Logf("%d calls were not sent: %s", calls, outcome)
			require.Less(t, calls*100, o[success], "%v", o)
		default:
			require.Fail(t, "calls failed", "%v", o)
		}
	}
	require.NotZero(t, o[success], "%v", o)
	return o[success]
}

// following follows the log of a container until it ends.
type following struct {
	text strings.Builder
	done chan struct{}
}

// follow reads the log of a container until it ends, possibly together with its pod.
func (c *cluster) follow(t *testing.T, namespace, pod, container string) *following {
	t.Helper()
	f := &following{done: make(chan struct{})}
	cmd := c.Command(t.Context(), "kubectl", "logs", "-f", "-n", namespace, pod, "-c", container)
	cmd.Stdout = &f.text
	require.NoError(t, cmd.Start())
	go func() {
		defer close(f.done)
		_ = cmd.Wait()
	}()
	return f
}

// last waits for the end of the log, and returns the shop's final report about all its calls.
func (f *following) last(t *testing.T) outcomes {
	t.Helper()
	select {
	case <-f.done:
	case <-time.After(90 * time.Second):
		require.FailNow(t, "the log does not end")
	}
	_, report, found := strings.Cut(f.text.String(), "last: ")
	require.True(t, found, "the shop did not say how its calls ended:\n%s", f.text.String())
	var o outcomes
	require.NoError(t, json.Unmarshal([]byte(report), &o), report)
	return o
}
