package cluster

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

// On a node with IPv4 and IPv6, the sidecar's health port can be reached over both, a gateway that
// has only an IPv6 address can be called, and the policies treat IPv6 like IPv4.
func TestIPv6(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "ipv6")
	m, _ := c.applied(t, namespace, consumer(t, "uat", `
configMapGenerator:
  - {name: payermax-settings, behavior: merge, literals: ["PAYERMAX_GATEWAY=https://`+uat6+`"]}
`))
	c.ready(t, namespace, "shop")
	p := c.pods(t, namespace)[0]
	require.Len(t, p.Status.PodIPs, 2, "an address of each family")
	address := p.Status.PodIPs[1].IP
	require.Contains(t, address, ":")

	status, body := c.get(t, "http://"+net.JoinHostPort(address, "8081")+"/readyz")
	assert.Equal(t, 200, status, body)
	status, _ = c.get(t, "http://"+net.JoinHostPort(address, "8080")+"/readyz")
	assert.Zero(t, status, "the port that signs is on loopback")

	c.load(t, p, 1)
	await(t, 30*time.Second, "calls over IPv6", func() bool { return m.served.Load() > 10 })
	t.Logf("%d calls over IPv6", requireAnswered(t, c.report(t, p)))

	for to, allowed := range map[string]bool{
		net.JoinHostPort(machine.Public6, "443"): true, net.JoinHostPort(machine.Public6, "80"): false,
		net.JoinHostPort(machine.Private6, "443"): false,
	} {
		said, reached := c.reaches(t, namespace, p.Metadata.Name, "connect", to)
		assert.Equal(t, allowed, reached || strings.Contains(said, "refused"), "%s: %s", to, said)
	}
	stranger := c.namespace(t, "ipv6-strangers")
	c.restrictedPod(t, stranger, "stranger")
	said, reached := c.reaches(t, stranger, "stranger", "connect", net.JoinHostPort(address, "8081"))
	assert.False(t, reached, "a stranger reaches the health port")
	assert.NotContains(t, said, "refused")
}
