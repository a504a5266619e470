// Package netfaults tests the binary on a network that fails as networks do. The sidecar
// and the gateway are in network namespaces of their own, and all that lies between them
// is a wire that the test is: each of its packets is a real one of the kernel's TCP, and
// is passed on, delayed, lost or answered as the fault wants it. So it needs no module of
// the kernel such as netem, but root, and /dev/net/tun.
//
// Whatever the fault: no order reaches the gateway twice; the application gets an answer
// within the timeout; each call has one line in the log; its outcome is true, so that
// not_sent means that nothing was written; and the sidecar is well again a stated time
// after the fault has ended.
package netfaults

import (
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-payermax/caddy-payermax"
)

// runAsCaddy makes the test binary be the Caddy under test, and caddyBinary names a
// binary to be tested instead.
const (
	runAsCaddy  = "CADDY_PAYERMAX_RUN_AS_CADDY"
	caddyBinary = "CADDY_BINARY"
)

func TestMain(m *testing.M) {
	if os.Getenv(runAsCaddy) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}
