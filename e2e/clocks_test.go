package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
)

// Each site follows the clock of its own gateway, and no other. Withheld answers do not count, and
// a reload of the config changes nothing. If there are several clocks, the metric and the probe
// show the one that is furthest away.
func TestClocksOfSeveralGateways(t *testing.T) {
	t.Parallel()
	const fast, slow = 40 * time.Minute, -20 * time.Minute
	sites := map[string]*clockedSite{
		"fast":      {ahead: fast, follows: fast},
		"on time":   {},
		"slow":      {ahead: slow, follows: slow},
		"a forger":  {ahead: 50 * time.Minute, stranger: true},
		"unchecked": {ahead: 30 * time.Minute, unchecked: true, follows: 30 * time.Minute},
	}
	s, health := startClocked(t, sites)
	for _, site := range sites {
		s.AwaitServing(t, site.sidecar.addr) // each site has its own server
	}

	for i := range 2 {
		for range 3 { // more than half of the samples that count
			for _, site := range sites {
				site.call(t)
			}
		}
		for name, site := range sites {
			assert.WithinDuration(t, time.Now().Add(site.follows), site.call(t), 10*time.Second, name)
		}
		_, shown := healthOf(t, health+"/readyz")
		assert.InDelta(t, fast.Seconds(), shown.ClockSkew, 10)

		s.Signal(t, syscall.SIGUSR1)
		s.AwaitLines(t, i+1, reloaded)
		_, shown = healthOf(t, health+"/readyz")
		assert.InDelta(t, fast.Seconds(), shown.ClockSkew, 10)
		for name, site := range sites {
			assert.WithinDuration(t, time.Now().Add(site.follows), site.call(t), 10*time.Second, "%s, at once after a reload", name)
		}
	}
}

// clockedSite is a site with its own gateway, whose clock differs from ours.
type clockedSite struct {
	ahead     time.Duration // the gateway's clock
	stranger  bool          // the answers are signed with a key other than PayerMax's
	unchecked bool          // the site has no gateway_public_key
	follows   time.Duration // by how much requestTime is expected to be ahead

	gateway *upstream
	sidecar *sidecar
}

// startClocked runs a sidecar with all sites, plus one for its probes.
func startClocked(t *testing.T, sites map[string]*clockedSite) (s *sidecar, health string) {
	t.Helper()
	healthPort := testnet.FreePort(t)
	config := new(strings.Builder)
	config.WriteString(strings.Replace(caddyfile(healthPort, "payermax_health"), "bind 127.0.0.1", "bind handover/127.0.0.1", 1))
	for _, site := range sites {
		site.start(t, config)
	}
	health = "127.0.0.1:" + strconv.Itoa(healthPort)
	s = start(t, health, config.String(), nil)
	return s, "http://" + health
}

// start runs the gateway and adds the site to the config.
func (c *clockedSite) start(t *testing.T, config *strings.Builder) {
	t.Helper()
	port := testnet.FreePort(t)
	c.gateway, c.sidecar = newUpstream(t), &sidecar{addr: "127.0.0.1:" + strconv.Itoa(port)}
	key := testkeys.Gateway()
	if c.stranger {
		key = testkeys.Stranger()
	}
	c.gateway.answers(func(conn net.Conn, r *request) bool {
		date := time.Now().Add(c.ahead).UTC().Format(http.TimeFormat)
		return answerWith(message("200 OK", success, typeJSON, "sign: "+sign(key, []byte(success)), "Date: "+date))(conn, r)
	})
	block := payermaxBlock(t, setup{gateway: c.gateway.url(), unchecked: c.unchecked, options: "follow_gateway_clock"})
	fmt.Fprintf(config, "\nhttp://:%d {\n\tbind handover/127.0.0.1\n\t%s\n}\n", port, block)
}

// call makes a call and returns the requestTime that the gateway received.
func (c *clockedSite) call(t *testing.T) time.Time {
	t.Helper()
	block, user := data()
	res := c.sidecar.post(t, `{"data":`+block+`}`)
	if c.stranger {
		requireRefusal(t, res, http.StatusBadGateway, "CHECK_SIGN_ERROR")
	} else {
		assert.Equal(t, http.StatusOK, res.status)
	}
	calls := c.gateway.about(user)
	require.Len(t, calls, 1)
	stamped, err := time.Parse(time.RFC3339, readEnvelope(t, calls[0]).RequestTime)
	require.NoError(t, err)
	return stamped
}
