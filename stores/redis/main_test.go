package redis

import (
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-payermax/caddy-payermax"
)

// asSidecar is the environment variable that makes this test binary run as a sidecar with the
// store redis, so that the tests need no separate build.
const asSidecar = "PAYERMAX_TEST_AS_SIDECAR"

func TestMain(m *testing.M) {
	if os.Getenv(asSidecar) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}
