// Package machine is a Kubernetes node that needs no other machine, no container engine and no
// registry: a process with its own namespaces, in which the control plane, containerd and the
// kubelet run. When that process ends, all of them end.
package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Addresses of the machine, and of the world outside it. Pods and Services have IPv4 addresses
// first, and IPv6 addresses as well.
const (
	NodeIP   = "172.31.255.1"
	PodCIDR  = "10.244.0.0/24"
	DNS      = "10.96.0.10"      // the Service of the name server
	Public   = "203.0.113.10"    // an address on the internet
	Private  = "10.99.0.1"       // an address in a private network other than the cluster's
	Metadata = "169.254.169.254" // the clouds' instance metadata, and GKE's name server
	worldIP  = "172.31.255.2"
	apiPort  = "6443"

	// NodeLocal is the address of NodeLocal DNSCache. On real clusters it is a node's own address,
	// which policies do not cover; here it is outside, so that they do.
	NodeLocal = "169.254.20.10"
	// QuestionPort is the UDP source port from which a pod's DNS queries are subject to the
	// policies.
	QuestionPort = "5300"

	Public6    = "2001:db8::10" // an address on the internet
	Private6   = "fd55::1"      // an address in a private network other than the cluster's
	nodeIP6    = "fd99::1"
	podCIDR6   = "fd98::/64"
	serviceIP6 = "fd97::/112"
	worldIP6   = "fd99::2"
)

// Machine is a running node.
type Machine struct {
	folder string
	pid    int
	exited chan struct{}
	world  *os.File // the network namespace outside the node
	node   *os.File // the node's network namespace
	stop   io.Closer
}

// Start makes the machine and waits until its node is ready, for three minutes at most. binary is
// the path of the program in directory node.
func Start(ctx context.Context, binary string) (m *Machine, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	folder, err := os.MkdirTemp("", "payermax-cluster-")
	if err != nil {
		return nil, err
	}
	m = &Machine{folder: folder, exited: make(chan struct{})}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, m.Logs())
			m.Close()
		}
	}()
	if err = m.write(binary); err != nil {
		return m, err
	}
	if err = m.begin(); err != nil {
		return m, err
	}
	for {
		ready, _ := m.Kubectl(ctx, "get", "node", nodeName, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		if ready == "True" {
			return m, m.openNamespaces()
		}
		select {
		case <-m.exited:
			return m, errors.New("the machine ended instead of becoming ready")
		case <-ctx.Done():
			return m, errors.New("the node is not ready")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// begin starts the process that becomes the machine. It ends when this process ends: no other
// process holds its standard input open.
func (m *Machine) begin() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(m.path("log/machine"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), becomeMachine+"="+m.folder)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if m.stop, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("making the machine's namespaces: %w", err)
	}
	m.pid = cmd.Process.Pid
	go func() {
		defer close(m.exited)
		_ = cmd.Wait()
	}()
	return nil
}

// openNamespaces opens the network namespaces in which tests listen and dial.
func (m *Machine) openNamespaces() (err error) {
	if m.node, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", m.pid)); err != nil {
		return err
	}
	m.world, err = os.Open(fmt.Sprintf("/proc/%d/root/run/netns/world", m.pid))
	return err
}

// Close ends the machine, and removes everything that belongs to it.
func (m *Machine) Close() {
	if m.stop != nil {
		m.stop.Close()
		<-m.exited
	}
	for _, file := range []*os.File{m.node, m.world} {
		if file != nil {
			file.Close()
		}
	}
	removeCgroups(filepath.Base(m.folder))
	if os.Getenv("CLUSTER_KEEP") == "" {
		os.RemoveAll(m.folder)
	}
}

// removeCgroups removes the control groups that the kubelet created.
func removeCgroups(name string) {
	for _, top := range cgroupRoots() {
		var folders []string
		_ = filepath.WalkDir(filepath.Join(top, name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return nil
		})
		for i := len(folders) - 1; i >= 0; i-- {
			_ = os.Remove(folders[i])
		}
	}
}

// path returns the path of a file in the machine's directory.
func (m *Machine) path(name string) string { return filepath.Join(m.folder, name) }

// Command returns a command that runs inside the machine, with kubectl on its path.
func (m *Machine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	inside := []string{"-t", strconv.Itoa(m.pid), "-m", "-n", "-p", "-u", "-i", "--wdns=" + m.folder, "--", "env",
		"KUBECONFIG=" + m.path("admin.kubeconfig"), "HOME=" + m.folder, "PATH=" + m.path("bin") + ":" + os.Getenv("PATH"), name}
	cmd := exec.CommandContext(ctx, "nsenter", append(inside, args...)...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Kubectl runs kubectl and returns its output. Its error contains kubectl's error output.
func (m *Machine) Kubectl(ctx context.Context, args ...string) (string, error) {
	cmd := m.Command(ctx, "kubectl", args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return string(out), nil
}

// Import imports an image into the node.
func (m *Machine) Import(ctx context.Context, archive io.Reader) error {
	cmd := m.Command(ctx, "ctr", "--address", m.path(containerdSocket), "-n", "k8s.io", "images", "import", "-")
	cmd.Stdin = archive
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("importing an image: %w: %s", err, out)
	}
	return nil
}

// Memory returns how much memory the machine's processes use, in bytes, by process name.
func (m *Machine) Memory() map[string]int64 {
	used := make(map[string]int64)
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/root/proc/[0-9]*/status", m.pid))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has exited
		}
		var name string
		for line := range strings.Lines(string(text)) {
			field, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			value = strings.TrimSpace(value)
			switch field {
			case "Name":
				name = value
			case "VmRSS":
				kibibytes, _ := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
				used[name] += kibibytes << 10
			}
		}
	}
	return used
}

// Logs returns the ends of the logs of the machine's components.
func (m *Machine) Logs() string {
	var all strings.Builder
	files, _ := filepath.Glob(m.path("log/*"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if len(text) > 2000 {
			text = text[len(text)-2000:]
		}
		fmt.Fprintf(&all, "== %s\n%s\n", filepath.Base(file), text)
	}
	return all.String()
}

// write writes the files that the components need into the machine's directory.
func (m *Machine) write(binary string) error {
	for _, folder := range []string{"bin", "log", "pods", "kubelet", "var-log", "etcd", "certificates", "cni"} {
		if err := os.Mkdir(m.path(folder), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(m.folder, 0o755); err != nil {
		return err
	}
	for _, name := range append([]string{"kubectl"}, componentNames...) {
		if err := os.Symlink(binary, m.path("bin/"+name)); err != nil {
			return err
		}
	}
	if err := writeCredentials(m.folder); err != nil {
		return err
	}
	for name, text := range configs(m.folder) {
		if object, isObject := text.(map[string]any); isObject {
			encoded, err := json.Marshal(object) // JSON is valid YAML
			if err != nil {
				return err
			}
			text = string(encoded)
		}
		if err := os.WriteFile(m.path(name), []byte(text.(string)), 0o600); err != nil {
			return err
		}
	}
	return nil
}
