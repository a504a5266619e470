package redis

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// load simulates PayerMax delivering many notifications concurrently. Each is delivered to
// several sidecars at the same time, again until it is acknowledged, and then once more, as
// when acknowledgements are lost.
type load struct {
	t           *testing.T
	sidecars    []*sidecar
	application *application
	name        string
	slowest     atomic.Int64 // of all deliveries, in nanoseconds
}

// deliver delivers count notifications and returns them when all are acknowledged. It calls
// meanwhile once, when a third are done.
func (l *load) deliver(count int, meanwhile func()) []notification {
	l.t.Helper()
	all := make([]notification, count)
	for i := range all {
		all[i] = newNotification(l.t, fmt.Sprintf("%s-%d", l.name, i))
	}
	next := make(chan notification)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for n := range next {
				l.insist(n)
			}
		})
	}
	for i, n := range all {
		if i == count/3 && meanwhile != nil {
			meanwhile()
		}
		next <- n
	}
	close(next)
	workers.Wait()
	return all
}

// insist delivers one notification to two sidecars concurrently until it is acknowledged, and
// then once more.
func (l *load) insist(n notification) {
	deadline := time.Now().Add(2 * time.Minute)
	for acknowledged := false; !acknowledged; {
		if !assert.True(l.t, time.Now().Before(deadline), "a notification is never acknowledged") {
			return
		}
		var first, second bool
		var both sync.WaitGroup
		both.Go(func() { first = l.once(n) })
		both.Go(func() { second = l.once(n) })
		both.Wait()
		if acknowledged = first || second; !acknowledged {
			time.Sleep(20 * time.Millisecond) // PayerMax waits longer
		}
	}
	l.once(n)
}

func (l *load) once(n notification) bool {
	began := time.Now()
	acknowledged, _ := n.deliver(l.sidecars[rand.IntN(len(l.sidecars))])
	took := int64(time.Since(began))
	for slowest := l.slowest.Load(); took > slowest && !l.slowest.CompareAndSwap(slowest, took); slowest = l.slowest.Load() {
	}
	return acknowledged
}

// assertTimes checks how often the application got each of the notifications: at least once,
// and at most as often as given.
func (l *load) assertTimes(notifications []notification, most int) {
	l.t.Helper()
	found := make(map[int]int)
	for _, n := range notifications {
		found[l.application.times(n)]++
	}
	for times, count := range found {
		assert.True(l.t, times >= 1 && times <= most, "%s: %d notifications reached the application %d times", l.name, count, times)
	}
	l.t.Logf("%s: notifications by how often they reached the application: %v; the slowest delivery took %v", l.name, found, time.Duration(l.slowest.Load()))
}

// unguarded returns how many notifications all sidecars have delivered without the guard.
func unguarded(sidecars []*sidecar) int {
	sum := 0
	for _, s := range sidecars {
		sum += s.unguarded()
	}
	return sum
}

// awaitGuard waits until the sidecar guards the notifications that it delivers.
func (s *sidecar) awaitGuard() {
	s.t.Helper()
	for i := 0; ; i++ {
		before := s.unguarded()
		newNotification(s.t, fmt.Sprintf("%s-%d", s.url, i)).deliver(s)
		if s.unguarded() == before {
			return
		}
		require.Less(s.t, i, 1000, "the sidecar does not find its store")
	}
}

// anyTimes means that the number of deliveries is not limited.
const anyTimes = 1 << 30

// Three sidecars share one store. While the store is up, a notification reaches the
// application once, however often and wherever it is delivered. When the store is killed,
// paused or empty, no notification is lost, and unguarded ones are counted.
func TestNotificationsThroughFaults(t *testing.T) {
	t.Parallel()
	server, shop := startServer(t), startApplication(t)
	sidecars := startSidecars(t, 3, shop.address(), "address "+server.address+"\ntimeout 3s")
	delivering := func(name string) *load {
		return &load{t: t, sidecars: sidecars, application: shop, name: name}
	}
	guarded := func(name string) []notification {
		t.Helper()
		for _, s := range sidecars {
			s.awaitStore(true)
		}
		l, before := delivering(name), unguarded(sidecars)
		all := l.deliver(100, nil)
		l.assertTimes(all, 1)
		assert.Equal(t, before, unguarded(sidecars), name)
		return all
	}

	done := guarded("all is well")

	killed := delivering("killed")
	killed.assertTimes(killed.deliver(100, server.kill), anyTimes)
	afterKill := unguarded(sidecars)
	assert.NotZero(t, afterKill)
	sidecars[0].awaitStore(false)
	assert.Contains(t, sidecars[0].get("/metrics"), "caddy_payermax_store_reachable 0")

	server.start() // it remembers nothing
	guarded("restarted empty")
	for range 2 {
		acknowledged, _ := done[0].deliver(sidecars[1])
		assert.True(t, acknowledged)
	}
	assert.Equal(t, 2, shop.times(done[0]), "forgotten, so delivered once more, and then remembered")

	paused := delivering("paused")
	paused.assertTimes(paused.deliver(24, server.pause), anyTimes)
	assert.Greater(t, unguarded(sidecars), afterKill)
	server.resume()
	guarded("resumed")

	restarted := delivering("restarted during load")
	restarted.assertTimes(restarted.deliver(100, func() { server.kill(); server.start() }), anyTimes)
	guarded("restarted")
	sidecars[0].AwaitLine(t, "the shared store does not answer")
	sidecars[0].AwaitLine(t, "the shared store answers")
}

// A sidecar that dies during a delivery delays the notification by the rest of its lease,
// within which PayerMax would not deliver again, and loses nothing.
func TestSidecarDiesHoldingAClaim(t *testing.T) {
	t.Parallel()
	server, shop := startServer(t), startApplication(t)
	arrived, proceed := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	shop.before = func(string) {
		if calls.Add(1) == 1 {
			close(arrived)
			<-proceed
		}
	}
	t.Cleanup(func() { close(proceed) })
	sidecars := startSidecars(t, 2, shop.address(), "address "+server.address+"\ntimeout 3s")
	n := newNotification(t, "claimed")

	stood := testtool.Standstill(t)
	go n.deliver(sidecars[0])
	<-arrived
	began := time.Now()
	sidecars[0].Kill()
	acknowledged, status := n.deliver(sidecars[1])
	assert.False(t, acknowledged)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	require.Eventually(t, func() bool {
		acknowledged, _ := n.deliver(sidecars[1])
		return acknowledged
	}, time.Minute, 200*time.Millisecond)
	assert.Less(t, time.Since(began), 30*time.Second+stood(), "PayerMax's next delivery must find the lease over")
	assert.Equal(t, 2, shop.times(n), "the application may have got it twice: its sidecar died before it answered")
	assert.Zero(t, sidecars[1].unguarded())
}

// A delivery that takes longer than the lease is still the only one.
func TestSlowApplicationKeepsItsClaim(t *testing.T) {
	t.Parallel()
	server, shop := startServer(t), startApplication(t)
	arrived := make(chan struct{})
	const takes = 30 * time.Second // longer than the lease
	shop.before = func(string) { close(arrived); time.Sleep(takes) }
	sidecars := startSidecars(t, 2, shop.address(), "address "+server.address+"\ntimeout 3s")
	n := newNotification(t, "slow")

	delivered := make(chan bool)
	go func() {
		acknowledged, _ := n.deliver(sidecars[0])
		delivered <- acknowledged
	}()
	<-arrived
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for isOver := false; !isOver; {
		select {
		case acknowledged := <-delivered:
			assert.True(t, acknowledged)
			isOver = true
		case <-again.C:
			_, _ = n.deliver(sidecars[1])
		}
	}
	acknowledged, _ := n.deliver(sidecars[1])
	assert.True(t, acknowledged)
	assert.Equal(t, 1, shop.times(n))
}

// A sender that hangs up while the application is working changes nothing: the next delivery
// is refused until the application is done, and the application gets the notification once.
func TestApplicationOutlastsTheSender(t *testing.T) {
	t.Parallel()
	server, shop := startServer(t), startApplication(t)
	arrived, letGo := make(chan struct{}), make(chan struct{})
	shop.before = func(string) { close(arrived); <-letGo }
	sidecars := startSidecars(t, 2, shop.address(), "address "+server.address+"\ntimeout 3s")
	n := newNotification(t, "hung up")

	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		n.deliverWithin(ctx, sidecars[0])
	}()
	<-arrived
	hangUp()
	<-gone
	for began := time.Now(); time.Since(began) < time.Second; time.Sleep(50 * time.Millisecond) {
		for _, s := range sidecars {
			acknowledged, status := n.deliver(s)
			assert.False(t, acknowledged)
			assert.Equal(t, http.StatusServiceUnavailable, status)
		}
	}
	close(letGo)
	require.Eventually(t, func() bool {
		acknowledged, _ := n.deliver(sidecars[1])
		return acknowledged
	}, patience, 20*time.Millisecond)
	assert.Equal(t, 1, shop.times(n))
}

// A slow store slows down the deliveries that it guards, but still guards them. A store that
// takes longer than the timeout delays each delivery by two timeouts, and no delivery is
// lost.
func TestSlowStore(t *testing.T) {
	t.Parallel()
	server, shop := startServer(t), startApplication(t)
	slow := startSlow(t, server.address)
	sidecars := startSidecars(t, 2, shop.address(), "address "+slow.address()+"\ntimeout 3s")
	delivering := func(name string) *load { return &load{t: t, sidecars: sidecars, application: shop, name: name} }

	slow.delay.Store(int64(100 * time.Millisecond))
	behind := delivering("behind 100 ms")
	behind.assertTimes(behind.deliver(40, nil), 1)
	assert.Zero(t, unguarded(sidecars))

	slow.delay.Store(int64(5 * time.Second))
	tooSlow := delivering("behind 5 s")
	tooSlow.assertTimes(tooSlow.deliver(16, nil), anyTimes)
	assert.NotZero(t, unguarded(sidecars))
}

// When Sentinels replace a server with its replica, no notification is lost meanwhile,
// finished ones are remembered, and the guard continues.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	first, second, sentinel := startWatched(t)
	shop := startApplication(t)
	sidecars := startSidecars(t, 2, shop.address(), "address "+sentinel.address+"\nsentinel_master payermax\ntimeout 3s")
	delivering := func(name string) *load { return &load{t: t, sidecars: sidecars, application: shop, name: name} }

	before := delivering("before the failover")
	done := before.deliver(50, nil)
	before.assertTimes(done, 1)
	awaitCopied(t, first)

	during := delivering("during the failover")
	during.assertTimes(during.deliver(100, first.kill), anyTimes)
	second.awaitMaster()
	for _, s := range sidecars {
		s.awaitGuard()
	}
	for _, n := range done {
		acknowledged, _ := n.deliver(sidecars[1])
		assert.True(t, acknowledged)
		assert.Equal(t, 1, shop.times(n), "the replica has what was done")
	}
	counted := unguarded(sidecars)
	after := delivering("after the failover")
	after.assertTimes(after.deliver(50, nil), 1)
	assert.Equal(t, counted, unguarded(sidecars))
}

// Two handlers in a chain are distinguished by their key_prefixes, and by no other setting.
// If both have the same guard, the config is refused, however the stores are spelled.
func TestChainNeedsTwoPrefixes(t *testing.T) {
	const address = "127.0.0.1:6379"
	t.Setenv("CHAIN_PREFIX", "payermax:")
	key := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	own := func(lines ...string) string {
		return "store redis {\naddress " + address + "\n" + strings.Join(lines, "\n") + "\n}"
	}
	const common = "" // the store of the global option
	for name, test := range map[string]struct {
		global, first, second string
		isOne                 bool
	}{
		"two prefixes":           {"", own("key_prefix one:"), own("key_prefix two:"), false},
		"one prefix":             {"", own("key_prefix one:"), own("key_prefix one:"), true},
		"another timeout":        {"", own(), own("timeout 1s"), true},
		"the default prefix":     {"", own(), own("key_prefix payermax:"), true},
		"a placeholder":          {"", own(), own("key_prefix {env.CHAIN_PREFIX}"), true},
		"the first is common":    {address, common, own(), true},
		"the second is common":   {address, own("timeout 1s"), common, true},
		"both are common":        {address, common, common, true},
		"common with a prefix":   {address, common, own("key_prefix two:"), false},
		"common elsewhere":       {"127.0.0.1:6380", common, own(), false},
		"common, and own memory": {address, common, "store memory", false},
	} {
		t.Run(name, func(t *testing.T) {
			config := "http://127.0.0.1:1 {\n" + chain(key, "127.0.0.1:2", test.first, test.second) + "\n}\n"
			if test.global != "" {
				config = "{\npayermax_store redis {\naddress " + test.global + "\n}\n}\n" + config
			}
			adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), map[string]any{"filename": "Caddyfile"})
			require.NoError(t, err)
			var parsed caddy.Config
			require.NoError(t, json.Unmarshal(adapted, &parsed))
			err = caddy.Validate(&parsed)
			if !test.isOne {
				require.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, "give each a store with its own key_prefix")
		})
	}
}

// chain returns a route of handlers that remember duplicates, each passing notifications on
// to the next.
func chain(key, application string, stores ...string) string {
	var lines strings.Builder
	for _, store := range stores {
		fmt.Fprintf(&lines, "payermax_notify /callback* {\ngateway_public_key %s\napp_id app\nduplicates 1h\n%s\n}\n", key, store)
	}
	return "route {\n" + lines.String() + "reverse_proxy /callback* " + application + "\n}"
}

// Handlers in a chain deliver each notification once, with two guards and also with a single
// one. The config cannot show that there is a single guard if two addresses lead to one
// server.
func TestChainDelivers(t *testing.T) {
	server, shop := startServer(t), startApplication(t)
	key := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	_, port, err := net.SplitHostPort(server.address)
	require.NoError(t, err)
	for name, second := range map[string]string{
		"two prefixes": "address " + server.address + "\nkey_prefix second:",
		"one server":   "address localhost:" + port,
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "", chain(key, shop.address(),
				"store redis {\naddress "+server.address+"\ntimeout 2s\n}", "store redis {\n"+second+"\ntimeout 2s\n}"))
			n := newNotification(t, name)
			for range 2 {
				acknowledged, status := n.deliver(s)
				assert.True(t, acknowledged, status)
			}
			assert.Equal(t, 1, shop.times(n))
			assert.Zero(t, s.unguarded())
		})
	}
}
