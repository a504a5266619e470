package machine

import (
	"context"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// ListenOutside listens on an address of the world outside the machine.
func (m *Machine) ListenOutside(address string) (listener net.Listener, err error) {
	err = within(m.world, func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// DialFromNode connects from the node, as the kubelet's probes do.
func (m *Machine) DialFromNode(ctx context.Context, _, address string) (net.Conn, error) {
	return dialWithin(ctx, m.node, address)
}

// DialFromOutside connects from the world outside the machine.
func (m *Machine) DialFromOutside(ctx context.Context, _, address string) (net.Conn, error) {
	return dialWithin(ctx, m.world, address)
}

func dialWithin(ctx context.Context, namespace *os.File, address string) (conn net.Conn, err error) {
	err = within(namespace, func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
		return err
	})
	return conn, err
}

// within runs do in another network namespace. A socket stays in the namespace in which it was
// opened. Dialing a name works only with its first address, because Go's dialer tries several
// addresses in goroutines on other threads.
func within(namespace *os.File, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}
