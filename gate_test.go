package payermax

import (
	"context"
	"crypto"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/keys"
)

// slowKey signs when it is told to.
type slowKey struct {
	crypto.Signer
	turn chan struct{}
}

func (k slowKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	<-k.turn
	return k.Signer.Sign(rand, digest, opts)
}

// tuned returns a gate that knows how long a signature takes.
func tuned(slots int, pace time.Duration) *gate {
	g := newGate(slots)
	g.pace.Store(int64(pace))
	return g
}

// arrivals are what became of requests at a gate.
type arrivals struct {
	mutex             sync.Mutex
	signed, refused   int
	longest, atOnce   time.Duration // the longest wait of those that were signed, and refused
	signing, mostAtIt int
}

// arrive has a request wait for its signature, which takes some time.
func (a *arrivals) arrive(g *gate, maxWait, takes time.Duration) {
	began := time.Now()
	err := g.enter(context.Background(), time.Now(), maxWait)
	waited := time.Since(began)
	a.mutex.Lock()
	if err != nil {
		a.refused++
		a.atOnce = max(a.atOnce, waited)
		a.mutex.Unlock()
		return
	}
	a.signed++
	a.longest = max(a.longest, waited)
	a.signing++
	a.mostAtIt = max(a.mostAtIt, a.signing)
	a.mutex.Unlock()

	defer g.leave(time.Now())
	time.Sleep(takes)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.signing--
}

// refusedSoFar is how many were refused, while others may still be.
func (a *arrivals) refusedSoFar() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.refused
}

// However long a signature takes and however many are made at once, nobody who gets
// one has waited for longer than the bound, those who would are refused at once, and
// the slots are never idle while somebody waits.
func TestGateBoundsTheWait(t *testing.T) {
	const maxWait, lasts = time.Second, 20 * time.Second
	for name, test := range map[string]struct {
		slots        int
		takes, every time.Duration // a signature, and between two arrivals
		refuses      bool
	}{
		"calm":                           {2, 2 * time.Millisecond, 10 * time.Millisecond, false},
		"as much as there is time for":   {2, 2 * time.Millisecond, time.Millisecond, false},
		"four times as much":             {2, 2 * time.Millisecond, 250 * time.Microsecond, true},
		"50 millicores, 60 calls/s":      {1, 40 * time.Millisecond, 16 * time.Millisecond, true},
		"50 millicores, 15 calls/s":      {1, 40 * time.Millisecond, 66 * time.Millisecond, false},
		"64 slots on two CPUs, 60 a s":   {64, 64 * time.Millisecond, 16 * time.Millisecond, false},
		"64 slots on two CPUs, 1,500 /s": {64, 64 * time.Millisecond, 666 * time.Microsecond, true},
		"slower than the bound":          {1, 3 * time.Second, 500 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, a := newGate(test.slots), new(arrivals)
				var all sync.WaitGroup
				for began := time.Now(); time.Since(began) < lasts; time.Sleep(test.every) {
					all.Go(func() { a.arrive(g, maxWait, test.takes) })
				}
				all.Wait()
				t.Logf("%d signed after %v at most, %d refused after %v at most", a.signed, a.longest, a.refused, a.atOnce)
				assert.LessOrEqual(t, a.longest, maxWait)
				assert.LessOrEqual(t, a.mostAtIt, test.slots)
				assert.Equal(t, test.refuses, a.refused > 0)
				if test.refuses {
					possible := float64(lasts) / float64(test.takes) * float64(test.slots)
					assert.GreaterOrEqual(t, float64(a.signed), 0.95*possible)
				}
				assert.Zero(t, g.waiting.Load())
			})
		})
	}
}

// Those whose wait can be foreseen do not wait for it to be over.
func TestGateRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maxWait = 1050 * time.Millisecond
		g, a := tuned(1, 100*time.Millisecond), new(arrivals)
		for range 20 {
			go a.arrive(g, maxWait, 100*time.Millisecond)
		}
		synctest.Wait()
		assert.Equal(t, 9, a.refusedSoFar(), "one signs, ten wait for up to a second")
		assert.True(t, g.isFull(maxWait))
		assert.False(t, g.isFull(2*maxWait))
		time.Sleep(2 * maxWait)
		synctest.Wait()
		assert.Equal(t, 11, a.signed)
		assert.Zero(t, a.atOnce)
		assert.False(t, g.isFull(maxWait))
	})
}

// If signatures become slower than anybody could foresee, the wait ends all the same.
func TestGateStopsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, a := tuned(1, time.Millisecond), new(arrivals)
		for range 20 {
			go a.arrive(g, time.Second, time.Minute)
		}
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		assert.Zero(t, a.refusedSoFar())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 19, a.refusedSoFar())
		time.Sleep(time.Minute)
	})
}

// A pace of another time refuses nobody for ever: the first to wait is let in, and
// with each that is signed, it is forgotten.
func TestGateForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, a := tuned(1, time.Hour), new(arrivals)
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() { a.arrive(g, time.Second, time.Millisecond) })
			all.Go(func() { a.arrive(g, time.Second, time.Millisecond) })
			time.Sleep(10 * time.Millisecond)
		}
		all.Wait()
		assert.Zero(t, a.refused)
		assert.Less(t, g.pace.Load(), int64(2*time.Millisecond))
	})
}

// A machine that stands still for a moment refuses nothing of the ordinary load that
// has piled up meanwhile.
func TestGateForgivesAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, a := tuned(2, 2*time.Millisecond), new(arrivals)
		var all sync.WaitGroup
		all.Go(func() { a.arrive(g, time.Second, 900*time.Millisecond) })
		all.Go(func() { a.arrive(g, time.Second, 900*time.Millisecond) })
		time.Sleep(900 * time.Millisecond)
		for range 180 { // of 200 a second
			all.Go(func() { a.arrive(g, time.Second, 2*time.Millisecond) })
		}
		all.Wait()
		assert.Zero(t, a.refused)
	})
}

// Who goes away while it waits gives up its place.
func TestGateVanishing(t *testing.T) {
	g := newGate(1)
	require.NoError(t, g.enter(t.Context(), time.Now(), time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, g.enter(ctx, time.Now(), time.Minute), context.Canceled)
	assert.Zero(t, g.waiting.Load())
	g.leave(time.Now())
	assert.NoError(t, g.enter(t.Context(), time.Now(), time.Minute))
}

// With more requests than can be signed, some are refused at once, and those
// that are not are answered.
func TestOverload(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.MaxWait = caddy.Duration(31 * time.Second)
		h.Timeout = caddy.Duration(time.Minute)
	})
	h.gate = tuned(1, 10*time.Second) // so three may wait
	turn := withSlowKey(h)

	codes := make(chan int, 20)
	var requests sync.WaitGroup
	for range cap(codes) {
		requests.Go(func() {
			w := serve(t, h, post(sessionBody), answering(t))
			if w.Code != http.StatusOK {
				assert.Equal(t, "SYSTEM_ERROR", refusalOf(t, w).Code)
				assert.Equal(t, "1", w.Header().Get("Retry-After"))
				assert.Empty(t, w.Header().Get("Connection"), "an application that has to connect again makes the overload worse")
			}
			codes <- w.Code
		})
	}
	require.Eventually(t, func() bool { return len(codes) == 16 }, 5*time.Second, time.Millisecond, "those beyond are refused while nothing is signed")
	close(turn)
	requests.Wait()
	close(codes)
	count := make(map[int]int)
	for code := range codes {
		count[code]++
	}
	assert.Equal(t, map[int]int{http.StatusOK: 4, http.StatusServiceUnavailable: 16}, count)
}

// withSlowKey makes the handler sign when it is told to.
func withSlowKey(h *Handler) (turn chan struct{}) {
	turn = make(chan struct{})
	setKey(h, slowKey{merchantKey(), turn})
	return turn
}

// setKey makes the handler sign with another key.
func setKey(h *Handler, key crypto.Signer) {
	changeKeys(h, func(g *keys.Generation) { g.Signing.Private = key })
}

// changeKeys makes the handler use other keys.
func changeKeys(h *Handler, change func(*keys.Generation)) {
	m := h.merchants.only
	generation := m.keyring.Current()
	change(&generation)
	m.keyring.Release()
	m.keyring = keys.Static(generation)
	m.keyring.Use()
}

// The wait for a signature is a part of the call's time.
func TestWaitCountsIntoTimeout(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.MaxWait = caddy.Duration(time.Minute)
		h.Timeout = caddy.Duration(50 * time.Millisecond)
	})
	h.gate = newGate(1)
	require.NoError(t, h.gate.enter(t.Context(), time.Now(), time.Minute))
	w := serve(t, h, post(sessionBody), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Contains(t, refusalOf(t, w).Msg, "nothing was sent")
}

// A request that has waited for too long before it comes to the gate, since the CPU is
// short, is refused there, and takes no slot from others.
func TestGateCountsFromTheRequest(t *testing.T) {
	g := newGate(1)
	assert.ErrorIs(t, g.enter(t.Context(), time.Now().Add(-2*time.Second), time.Second), errOverloaded, "with a free slot")
	require.NoError(t, g.enter(t.Context(), time.Now(), time.Second))
	assert.ErrorIs(t, g.enter(t.Context(), time.Now().Add(-2*time.Second), time.Second), errOverloaded, "with none")
	assert.Zero(t, g.waiting.Load())
	<-g.slots
	assert.NoError(t, g.enter(t.Context(), time.Now(), time.Second))
}
