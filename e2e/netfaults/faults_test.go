//go:build linux

package netfaults

import (
	"crypto/tls"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// The names of the gateway and of its backup, which share a record of the calls received, and the
// addresses: the gateway's, the one that it moves to (which is also the backup's), and an IPv6
// address.
const (
	name   = "gateway.example"
	backup = "backup.example"
)

var (
	first  = netip.MustParseAddr("10.9.0.2")
	second = netip.MustParseAddr("10.9.0.3")
	sixth  = netip.MustParseAddr("fd09::2")
)

// world is a sidecar, a gateway and a name server, with the wire between them.
type world struct {
	wire    *wire
	names   *nameServer
	gateway *gateway
	sidecar *sidecar
}

func newWorld(t *testing.T, versions, gateways string) *world {
	t.Helper()
	requireNamespaces(t)
	inside := newNamespace(t, "10.9.0.1/24", "fd09::1/64")
	outside := newNamespace(t, "10.9.0.2/24", "10.9.0.3/24", "fd09::2/64")
	w := &world{wire: newWire(t, inside, outside)}
	w.names = newNameServer(t, outside, "10.9.0.2:53", zone{addresses: []netip.Addr{first}})
	ca := testkeys.NewAuthority(t)
	var certificates []tls.Certificate
	for _, name := range []string{name, backup} {
		certificates = append(certificates, ca.IssueToServer(t, name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)))
	}
	w.gateway = newGateway(t, outside, certificates, "10.9.0.2:443", "10.9.0.3:443", "[fd09::2]:443")
	w.sidecar = startSidecar(t, inside, gateways, strings.Join([]string{
		"versions " + versions, "resolvers 10.9.0.2:53", "dial_timeout 2s", "tls_timeout 2s",
		"tls_trust_pool file " + testkeys.WriteFile(t, testkeys.PEM("CERTIFICATE", ca.Certificate.Raw)),
	}, "\n"))
	return w
}

// trouble is something that is wrong with the network for a while.
type trouble struct {
	name  string
	fault fault
	names *zone // what the name server answers meanwhile, if different from usual
	// well is true if calls are still answered, at least on new connections.
	well bool
	// recovers is how long after the end of the trouble the sidecar works again at the latest, not
	// counting the time of the calls then in flight. TCP's own retransmission timeouts are part of
	// it.
	recovers time.Duration
}

// troubles lists all troubles.
var troubles = []trouble{
	{name: "2 % of the packets are lost", fault: losing(0.02), recovers: 2 * time.Second},
	{name: "30 % are lost", fault: losing(0.3), recovers: 5 * time.Second},
	{name: "packets are late and overtake one another", fault: delaying(40 * time.Millisecond), well: true},
	{name: "packets arrive twice", fault: doubling, well: true},
	{name: "packets take seconds", fault: delaying(1500 * time.Millisecond), recovers: 6 * time.Second},
	{name: "nothing passes", fault: swallowing, recovers: 10 * time.Second},
	{name: "kept connections are dead", fault: swallowingOld, recovers: 10 * time.Second},
	{name: "answers do not arrive", fault: swallowingAnswers, recovers: 10 * time.Second},
	{name: "kept connections are half dead", fault: swallowingAnswersOfOld, recovers: 10 * time.Second},
	{name: "the gateway has forgotten the connections", fault: forgetting, recovers: time.Second},
	{name: "connections are refused", fault: refusing, recovers: time.Second},
	{name: "connections are reset when a call is sent", fault: resettingAfter(0.5), recovers: time.Second},
	{name: "large packets vanish", fault: swallowingLarge(400), recovers: 10 * time.Second},
	{name: "the name server is silent", names: &zone{silent: true}, recovers: time.Second},
	{name: "the name server fails", names: &zone{code: dnsmessage.RCodeServerFailure}, recovers: time.Second},
	{name: "the name has no address", names: &zone{}, recovers: time.Second},
	{name: "the gateway moves", names: &zone{addresses: []netip.Addr{second}}, well: true},
	{name: "the gateway moves to IPv6", names: &zone{addresses: []netip.Addr{sixth}}, well: true},
	{name: "IPv6 comes first and is dead", fault: withoutIPv6, names: &zone{addresses: []netip.Addr{sixth, first}}, well: true},
}

// sidecars are the sidecars under test: their HTTP versions and their gateways.
var sidecars = map[string]struct{ versions, gateways string }{
	"HTTP 1.1":              {"1.1", "https://" + name},
	"HTTP 2":                {"1.1 2", "https://" + name},
	"HTTP 1.1 and a backup": {"1.1", "https://" + name + " https://" + backup},
}

// The network fails in each of these ways, both while the sidecar has connections and while it has
// none.
func TestNetworkFaults(t *testing.T) {
	for name, of := range sidecars {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, of.versions, of.gateways)
			for _, trouble := range troubles {
				t.Run(trouble.name, func(t *testing.T) { w.suffer(t, trouble) })
			}
		})
	}
}

// patient is the shortest timeout in a sidecar. A machine that stands still for nearly as long
// causes trouble of its own.
const patient = time.Second

// suffer makes calls before, during and after the trouble.
func (w *world) suffer(t *testing.T, from trouble) {
	w.wire.begin(forgetting)
	w.sidecar.payAtOnce(4) // leaves no connection to the gateway's previous address
	w.wire.heal()
	w.recover(t, time.Now(), 0) // leaves connections

	stood := testtool.Standstill(t)
	w.begin(from)
	during := w.sidecar.payAtOnce(4)
	if from.names != nil || from.name == "connections are refused" {
		// While connections are kept, nobody looks up the name.
		w.wire.begin(forgettingThen(from.fault))
		during = append(during, w.sidecar.payAtOnce(4)...)
	}
	last := w.sidecar.payAtOnce(4)
	w.end()
	ended := time.Now()

	after := w.recover(t, ended, from.recovers)
	outcomes := requireHonest(t, w.sidecar, w.gateway, during)
	lastOutcomes := requireHonest(t, w.sidecar, w.gateway, last)
	t.Logf("meanwhile %v, then %v; well again after %v", outcomes, lastOutcomes, after.Round(time.Millisecond))
	if from.well && stood() < patient {
		assert.Equal(t, map[string]int{"answered": 4}, lastOutcomes)
	}
}

// forgettingThen resets the connections that are open, and applies the fault to others.
func forgettingThen(then fault) fault {
	return func(w *wire, p packet) (time.Duration, bool) {
		if w.isOld(p) || then == nil {
			return forgetting(w, p)
		}
		return then(w, p)
	}
}

func (w *world) begin(from trouble) {
	if from.names != nil {
		w.names.known.Store(from.names)
	}
	w.wire.begin(from.fault)
}

func (w *world) end() {
	w.wire.heal()
	w.names.known.Store(&zone{addresses: []netip.Addr{first}})
}

// recover waits until calls are answered again, and returns how long that took.
func (w *world) recover(t *testing.T, ended time.Time, within time.Duration) time.Duration {
	t.Helper()
	stood := testtool.Standstill(t)
	for {
		began := time.Now()
		calls := w.sidecar.payAtOnce(4)
		if outcomes := requireHonest(t, w.sidecar, w.gateway, calls); outcomes["answered"] == len(calls) {
			return began.Sub(ended)
		}
		require.Less(t, time.Since(ended), within+timeout+grace+stood(), "the sidecar is not well again")
	}
}

// Random troubles follow one another while calls never stop, for NETFAULTS_DURATION.
func TestNetworkFaultsForLong(t *testing.T) {
	longer := os.Getenv("NETFAULTS_DURATION")
	if longer == "" {
		t.Skip("it takes minutes: set NETFAULTS_DURATION, such as 10m")
	}
	duration, err := time.ParseDuration(longer)
	require.NoError(t, err)
	for name, of := range sidecars {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, of.versions, of.gateways)
			var calls []call
			var mutex sync.Mutex
			var callers sync.WaitGroup
			var healed time.Time
			end := time.Now().Add(duration)
			for range 4 {
				callers.Go(func() {
					for time.Now().Before(end) {
						c := w.sidecar.pay()
						mutex.Lock()
						calls = append(calls, c)
						mutex.Unlock()
						time.Sleep(rand.N(100 * time.Millisecond))
					}
				})
			}
			for time.Now().Before(end) {
				w.begin(troubles[rand.IntN(len(troubles))])
				time.Sleep(rand.N(6 * time.Second))
				w.end()
				healed = time.Now()
				time.Sleep(rand.N(3 * time.Second))
			}
			callers.Wait()
			outcomes := requireHonest(t, w.sidecar, w.gateway, calls)
			t.Logf("%v; well again after %v", outcomes, w.recover(t, healed, 10*time.Second).Round(time.Millisecond))
		})
	}
}
