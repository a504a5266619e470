package machine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// becomeMachine is the environment variable that makes a process become the machine. Its value is
// the machine's directory.
const becomeMachine = "PAYERMAX_CLUSTER_MACHINE"

func init() {
	if folder := os.Getenv(becomeMachine); folder != "" {
		fmt.Fprintln(os.Stderr, "the machine ends:", become(folder))
		os.Exit(1)
	}
}

// mostRestarts is how often components may exit before the machine gives up. On a busy machine the
// controller manager exits several times, because it waits only ten seconds for the API server.
const mostRestarts = 30

// become turns this process, the first of its namespaces, into the machine, until its standard
// input is closed or its components exit again and again.
func become(folder string) error {
	os.Unsetenv(becomeMachine)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0) // ends all others
	}()
	for _, prepare := range []func(string) error{mountFolders, makeCgroups, nameMachine, makeNetwork} {
		if err := prepare(folder); err != nil {
			return err
		}
	}
	running := make(map[int]component)
	begin := func(c component) error {
		pid, err := c.start(folder)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		running[pid] = c
		return nil
	}
	for _, c := range components(folder) {
		if err := begin(c); err != nil {
			return err
		}
	}
	for restarts := 0; ; { // the first process reaps all others
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		c, known := running[pid]
		if !known {
			continue
		}
		delete(running, pid)
		fmt.Fprintf(os.Stderr, "%s ended with %d\n", c.name, status.ExitStatus())
		if restarts++; restarts > mostRestarts {
			return fmt.Errorf("%s ended once more", c.name)
		}
		time.Sleep(time.Second)
		if err := begin(c); err != nil {
			return err
		}
	}
}

// mountFolders mounts the directories that only one kubelet may use. The mounts disappear with the
// machine.
func mountFolders(folder string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making the mounts private: %w", err)
	}
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
		{"tmpfs", filepath.Join(folder, "etcd"), "tmpfs", 0},
		{filepath.Join(folder, "kubelet"), "/var/lib/kubelet", "", unix.MS_BIND},
		{"", "/var/lib/kubelet", "", unix.MS_SHARED | unix.MS_REC},
		{filepath.Join(folder, "var-log"), "/var/log", "", unix.MS_BIND},
	} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.target, err)
		}
	}
	return nil
}

// cgroupRoots returns where control groups are mounted: one directory for version 2, or one for
// each controller for version 1.
func cgroupRoots() []string {
	const top = "/sys/fs/cgroup"
	if _, err := os.Stat(top + "/cgroup.controllers"); err == nil {
		return []string{top}
	}
	controllers, _ := filepath.Glob(top + "/*/cgroup.procs")
	for i := range controllers {
		controllers[i] = filepath.Dir(controllers[i])
	}
	return controllers
}

// makeCgroups creates the control group above the kubelet's groups, so that several machines do not
// conflict.
func makeCgroups(folder string) error {
	for _, root := range cgroupRoots() {
		group := filepath.Join(root, filepath.Base(folder))
		if err := os.MkdirAll(group, 0o755); err != nil {
			return fmt.Errorf("making a control group: %w", err)
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // of version 1, where they are empty at first
			if value, err := os.ReadFile(filepath.Join(root, file)); err == nil {
				_ = os.WriteFile(filepath.Join(group, file), value, 0o644)
			}
		}
	}
	return nil
}

func nameMachine(string) error { return unix.Sethostname([]byte(nodeName)) }

// makeNetwork connects the machine to a second network namespace, which stands for everything
// outside. It sends the traffic that NetworkPolicies decide on to the agent that enforces them: new
// connections of pods, but none of the node's own. DNS queries over UDP bypass the agent, because
// on a busy machine a queue loses one in a few hundred, and a lost query costs five seconds.
// Queries over TCP, and those from the source port QuestionPort, go to the agent. For IPv6,
// neighbour discovery (ICMPv6) bypasses the agent as well.
func makeNetwork(string) error {
	for _, line := range strings.Split(strings.TrimSpace(fmt.Sprintf(`
ip link set lo up
ip netns add world
ip link add world type veth peer name node netns world
ip address add %[1]s/30 dev world
ip link set world up
ip route add default via %[2]s
ip -n world link set lo up
ip -n world address add %[2]s/30 dev node
ip -n world link set node up
ip -n world address add %[3]s/32 dev lo
ip -n world address add %[4]s/32 dev lo
ip -n world address add %[5]s/32 dev lo
ip -n world address add %[14]s/32 dev lo
ip -n world route add %[6]s via %[1]s
iptables -t mangle -A POSTROUTING -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -t mangle -A POSTROUTING -m addrtype --src-type LOCAL -j ACCEPT
iptables -t mangle -A POSTROUTING -p udp --dport 53 ! --sport %[13]s -j ACCEPT
iptables -t mangle -A POSTROUTING -s %[6]s -j NFQUEUE --queue-num %[7]s
iptables -t mangle -A POSTROUTING -d %[6]s -j NFQUEUE --queue-num %[7]s
ip address add %[8]s/64 dev world nodad
ip -n world address add %[9]s/64 dev node nodad
ip route add default via %[9]s
ip -n world address add %[10]s/128 dev lo nodad
ip -n world address add %[11]s/128 dev lo nodad
ip -n world route add %[12]s via %[8]s
ip6tables -t mangle -A POSTROUTING -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
ip6tables -t mangle -A POSTROUTING -m addrtype --src-type LOCAL -j ACCEPT
ip6tables -t mangle -A POSTROUTING -p ipv6-icmp -j ACCEPT
ip6tables -t mangle -A POSTROUTING -s %[12]s -j NFQUEUE --queue-num %[7]s
ip6tables -t mangle -A POSTROUTING -d %[12]s -j NFQUEUE --queue-num %[7]s
`, NodeIP, worldIP, Public, Private, Metadata, PodCIDR, policyQueue, nodeIP6, worldIP6, Public6, Private6, podCIDR6, QuestionPort, NodeLocal)), "\n") {
		words := strings.Fields(line)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", line, err, out)
		}
	}
	for _, setting := range []string{
		"ipv4/ip_forward", "bridge/bridge-nf-call-iptables", "ipv6/conf/all/forwarding", "bridge/bridge-nf-call-ip6tables",
	} {
		if err := os.WriteFile("/proc/sys/net/"+setting, []byte("1"), 0); err != nil {
			return err
		}
	}
	return nil
}

// start starts a component. Its output is appended to its log.
func (c component) start(folder string) (pid int, err error) {
	path, err := exec.LookPath(filepath.Join(folder, "bin", c.name))
	if err != nil {
		if path, err = exec.LookPath(c.name); err != nil {
			return 0, err
		}
	}
	log, err := os.OpenFile(filepath.Join(folder, "log", c.name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	process, err := os.StartProcess(path, append([]string{c.name}, c.args...), &os.ProcAttr{
		Dir: folder, Env: os.Environ(), Files: []*os.File{null, log, log},
	})
	if err != nil {
		return 0, err
	}
	return process.Pid, nil
}
