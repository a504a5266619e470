// Package netfaults tests the binary on a network that fails as real networks do. The sidecar and
// the gateway are in separate network namespaces, and the test itself is the wire between them:
// every packet on it is a real packet of the kernel's TCP, which the test forwards, delays, drops
// or answers as the fault requires. The tests therefore need no kernel module such as netem, but
// root, and /dev/net/tun.
//
// Whatever the fault is: no order reaches the gateway twice; the application gets an answer within
// the timeout; each call has one line in the log; its outcome is true, so that not_sent means that
// nothing was written; and the sidecar works again within a stated time after the fault has ended.
package netfaults

import (
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-payermax/caddy-payermax"
)

// runAsCaddy names the environment variable that makes the test binary run as the Caddy under test.
// caddyBinary names the one with the path of another binary to test.
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
