//go:build linux

package netfaults

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// namespace is a network namespace that contains one end of the wire.
type namespace struct {
	file *os.File // keeps the namespace alive as long as it is open
	end  *os.File // packets written to it arrive in the namespace
}

// newNamespace creates a namespace in which the wire's end has the addresses.
func newNamespace(t *testing.T, addresses ...string) *namespace {
	t.Helper()
	ip := testtool.Find(t, "ip")
	n := new(namespace)
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		made <- n.make(ip, addresses)
	}()
	require.NoError(t, <-made)
	t.Cleanup(func() {
		n.end.Close()
		n.file.Close()
	})
	return n
}

func (n *namespace) make(ip string, addresses []string) (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if n.file, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		return err
	}
	if n.end, err = openEnd(); err != nil {
		return err
	}
	commands := []string{"link set lo up", "link set wire mtu 1500 up"}
	for _, address := range addresses {
		commands = append(commands, "addr add "+address+" dev wire nodad")
	}
	for _, command := range commands {
		if said, err := exec.Command(ip, strings.Fields(command)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", command, err, said)
		}
	}
	return nil
}

// openEnd creates a network device whose packets this process reads and writes.
func openEnd() (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq("wire")
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "wire"), nil
}

// within runs do in the namespace. Sockets opened and processes started by it stay there.
func (n *namespace) within(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}

func (n *namespace) listen(t *testing.T, address string) (listener net.Listener) {
	t.Helper()
	require.NoError(t, n.within(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}))
	t.Cleanup(func() { listener.Close() })
	return listener
}

func (n *namespace) listenPackets(t *testing.T, address string) (conn net.PacketConn) {
	t.Helper()
	require.NoError(t, n.within(func() (err error) {
		conn, err = net.ListenPacket("udp", address)
		return err
	}))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// dial connects from within the namespace.
func (n *namespace) dial(address string) (conn net.Conn, err error) {
	err = n.within(func() (err error) {
		conn, err = net.Dial("tcp", address)
		return err
	})
	return conn, err
}

// requireNamespaces skips the test if it cannot create namespaces.
func requireNamespaces(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		testtool.Missing(t, "/dev/net/tun", "modprobe tun")
	}
}
