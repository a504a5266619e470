package gate

import (
	"context"
	"crypto"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys"
)

// tuned returns a gate that knows how long a signature takes.
func tuned(slots int, pace time.Duration) *Gate {
	g := New(slots)
	g.pace.Store(int64(pace))
	return g
}

// arrivals records what happens to requests at a gate.
type arrivals struct {
	mutex             sync.Mutex
	signed, refused   int
	longest, atOnce   time.Duration // the longest wait of signed requests, and of refused ones
	signing, mostAtIt int
}

// arrive lets a request wait for its signature, which takes a given time.
func (a *arrivals) arrive(g *Gate, maxWait, takes time.Duration) {
	began := time.Now()
	err := g.Enter(context.Background(), time.Now(), maxWait)
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

	defer g.Leave(time.Now())
	time.Sleep(takes)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.signing--
}

// refusedSoFar returns how many were refused, while more may still be.
func (a *arrivals) refusedSoFar() int {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.refused
}

// However long a signature takes and however many requests arrive, no request that gets one
// has waited longer than the bound, those that would are refused at once, and no slot is idle
// while a request waits.
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
				g, a := New(test.slots), new(arrivals)
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

// Requests whose wait would foreseeably be too long are refused without waiting.
func TestGateRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maxWait = 1050 * time.Millisecond
		g, a := tuned(1, 100*time.Millisecond), new(arrivals)
		for range 20 {
			go a.arrive(g, maxWait, 100*time.Millisecond)
		}
		synctest.Wait()
		assert.Equal(t, 9, a.refusedSoFar(), "one signs, ten wait for up to a second")
		assert.True(t, g.IsFull(maxWait))
		assert.False(t, g.IsFull(2*maxWait))
		time.Sleep(2 * maxWait)
		synctest.Wait()
		assert.Equal(t, 11, a.signed)
		assert.Zero(t, a.atOnce)
		assert.False(t, g.IsFull(maxWait))
	})
}

// A request is refused on arrival if it would wait longer than the bound. The first one to
// wait is never refused.
func TestIsFull(t *testing.T) {
	const pace, maxWait = 100 * time.Millisecond, time.Second
	for name, test := range map[string]struct {
		slots   int
		pace    time.Duration
		waiting int32 // before it
		full    bool
	}{
		"it would wait for less":                  {1, pace, 8, false},
		"it would wait for just the bound":        {1, pace, 9, false},
		"it would wait for longer":                {1, pace, 10, true},
		"with two slots for just the bound":       {2, pace, 19, false},
		"with two slots for longer":               {2, pace, 20, true},
		"it is the first, at whatever pace":       {1, time.Hour, 0, false},
		"it is the second, at a pace of an hour":  {1, time.Hour, 1, true},
		"nobody knows how long a signature takes": {1, 0, 1000, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := tuned(test.slots, test.pace)
			g.waiting.Store(test.waiting)
			assert.Equal(t, test.full, g.IsFull(maxWait))
		})
	}
}

// The pace follows the duration of signatures: the first one sets it, each later one counts
// for an eighth, and a very slow one for no more than four times the pace.
func TestPace(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		took []time.Duration
		pace time.Duration
	}{
		"the first":            {[]time.Duration{80 * ms}, 80 * ms},
		"a slower one":         {[]time.Duration{80 * ms, 160 * ms}, 90 * ms},
		"a faster one":         {[]time.Duration{80 * ms, 40 * ms}, 75 * ms},
		"four times as slow":   {[]time.Duration{80 * ms, 320 * ms}, 110 * ms},
		"a machine that slept": {[]time.Duration{80 * ms, time.Hour}, 110 * ms},
		"less than the clock can tell is known all the same": {[]time.Duration{0}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := New(1)
			for _, took := range test.took {
				g.Observe(took)
			}
			assert.Equal(t, test.pace, time.Duration(g.pace.Load()))
		})
	}
}

// If signatures unexpectedly become slower, the wait still ends.
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

// An outdated pace does not refuse requests forever: the first one to wait is let in, and
// each signature brings the pace up to date.
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

// A machine that stalls for a moment refuses nothing of the ordinary load that has piled up
// meanwhile.
func TestGateForgivesAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, a := tuned(2, 2*time.Millisecond), new(arrivals)
		var all sync.WaitGroup
		all.Go(func() { a.arrive(g, time.Second, 900*time.Millisecond) })
		all.Go(func() { a.arrive(g, time.Second, 900*time.Millisecond) })
		time.Sleep(900 * time.Millisecond)
		for range 180 { // out of 200 per second
			all.Go(func() { a.arrive(g, time.Second, 2*time.Millisecond) })
		}
		all.Wait()
		assert.Zero(t, a.refused)
	})
}

// A request that is cancelled while it waits gives up its place.
func TestGateVanishing(t *testing.T) {
	g := New(1)
	require.NoError(t, g.Enter(t.Context(), time.Now(), time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, g.Enter(ctx, time.Now(), time.Minute), context.Canceled)
	assert.Zero(t, g.waiting.Load())
	g.Leave(time.Now())
	assert.NoError(t, g.Enter(t.Context(), time.Now(), time.Minute))
}

// A request that has waited too long before it reaches the gate, because the CPU is short, is
// refused there, and takes no slot from others.
func TestGateCountsFromTheRequest(t *testing.T) {
	g := New(1)
	const maxWait = time.Minute
	before := time.Now().Add(-2 * maxWait)
	assert.ErrorIs(t, g.Enter(t.Context(), before, maxWait), ErrOverloaded, "with a free slot")
	require.NoError(t, g.Enter(t.Context(), time.Now(), maxWait))
	assert.ErrorIs(t, g.Enter(t.Context(), before, maxWait), ErrOverloaded, "with none")
	assert.Zero(t, g.waiting.Load())
	<-g.slots
	assert.NoError(t, g.Enter(t.Context(), time.Now(), maxWait))
}

// The time of a request counts from its arrival, up to and including the bound, whether a
// slot is free or the request has to wait for one.
func TestGateCountsTheWholeWait(t *testing.T) {
	const maxWait = time.Second
	for name, test := range map[string]struct {
		age     time.Duration // when it reaches the gate
		isTaken bool          // the slot
		waits   time.Duration
		err     error
	}{
		"a free slot at the end of its time":     {maxWait, false, 0, nil},
		"a free slot after its time":             {maxWait + 1, false, 0, ErrOverloaded},
		"no slot, and most of its time is over":  {900 * time.Millisecond, true, 100 * time.Millisecond, ErrOverloaded},
		"no slot, and all of its time is left":   {0, true, maxWait, ErrOverloaded},
		"no slot, and its time is over":          {maxWait, true, 0, ErrOverloaded},
		"no slot, and its time was over earlier": {2 * maxWait, true, 0, ErrOverloaded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New(1)
				if test.isTaken {
					require.NoError(t, g.Enter(t.Context(), time.Now(), maxWait))
				}
				began := time.Now()
				assert.ErrorIs(t, g.Enter(t.Context(), began.Add(-test.age), maxWait), test.err)
				assert.Equal(t, test.waits, time.Since(began))
				assert.Zero(t, g.waiting.Load())
			})
		})
	}
}

// countingKey counts its signatures.
type countingKey struct {
	crypto.Signer
	signatures atomic.Int32
}

func (k *countingKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.signatures.Add(1)
	return k.Signer.Sign(rand, digest, opts)
}

// A request that has its turn lets others run before it signs. If its time is over by then,
// it is refused without a signature, and its slot is free again.
func TestSignChecksTheTimeAfterItYields(t *testing.T) {
	key := &countingKey{Signer: testkeys.Merchant()}
	for name, test := range map[string]struct {
		away   time.Duration // while others run
		signed int32
	}{
		"in time":  {10 * time.Millisecond, 2},
		"too late": {1500 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			key.signatures.Store(0)
			synctest.Test(t, func(t *testing.T) {
				const maxWait = time.Second
				g := New(1)
				g.yield = func() { time.Sleep(test.away) }
				require.NoError(t, g.Enter(t.Context(), time.Now(), maxWait))
				ended := make(chan error, 2)
				for range cap(ended) {
					go func() {
						_, err := g.Sign(t.Context(), keys.Key{Private: key}, nil, time.Now(), maxWait)
						ended <- err
					}()
				}
				synctest.Wait() // both wait for the slot
				g.Leave(time.Now())
				for range cap(ended) {
					if err := <-ended; test.signed > 0 {
						assert.NoError(t, err)
					} else {
						assert.ErrorIs(t, err, ErrOverloaded)
					}
				}
				assert.Equal(t, test.signed, key.signatures.Load())
				assert.Zero(t, g.waiting.Load())
				assert.Empty(t, g.slots)
			})
		})
	}
}

// A signature exactly at the end of the request's time is in time.
func TestSignAtTheEndOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maxWait = time.Second
		g := New(1)
		g.yield = func() { time.Sleep(maxWait) }
		_, err := g.Sign(t.Context(), keys.Key{Private: testkeys.Merchant()}, nil, time.Now(), maxWait)
		assert.NoError(t, err)
	})
}

// Requests that are ready to run reach the gate before a signature is computed, even if none
// waits at the gate yet. Otherwise, when signatures take all CPUs, they would wait in the
// runtime's queue, and be signed late instead of refused in time.
func TestSignLetsRequestsComeFirst(t *testing.T) {
	key := &countingKey{Signer: testkeys.Merchant()}
	synctest.Test(t, func(t *testing.T) {
		const maxWait = time.Second
		g := New(1)
		g.Observe(maxWait) // one request may wait, and no more
		ended := make(chan error, 4)
		come := func() {
			_, err := g.Sign(t.Context(), keys.Key{Private: key}, nil, time.Now(), maxWait)
			ended <- err
		}
		var others sync.Once
		g.yield = func() {
			others.Do(func() {
				for range 3 {
					go come()
				}
				synctest.Wait() // they wait, or are refused
				assert.Zero(t, key.signatures.Load())
			})
		}
		come()
		refused := 0
		for range cap(ended) {
			if err := <-ended; err != nil {
				require.ErrorIs(t, err, ErrOverloaded)
				refused++
			}
		}
		assert.Equal(t, 2, refused)
		assert.EqualValues(t, 2, key.signatures.Load())
	})
}

// signingKey calls a function for each signature.
type signingKey struct {
	crypto.Signer
	signs func() error
}

func (k signingKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.signs(); err != nil {
		return nil, err
	}
	return k.Signer.Sign(rand, digest, opts)
}

// Whatever happens while a signature is computed, its slot is free afterwards, and only the
// computation counts in the pace, however long the request had waited before.
func TestSignGivesItsSlotBack(t *testing.T) {
	const maxWait, waited, takes = time.Second, 900 * time.Millisecond, 10 * time.Millisecond
	failed := errors.New("the key failed")
	for name, test := range map[string]struct {
		signs func(end context.CancelFunc) error
		err   error
	}{
		"a signature":                {func(context.CancelFunc) error { return nil }, nil},
		"the key fails":              {func(context.CancelFunc) error { return failed }, failed},
		"the request ends meanwhile": {func(end context.CancelFunc) error { end(); return nil }, nil},
		"it ends, and the key fails": {func(end context.CancelFunc) error { end(); return failed }, failed},
		"the key's own code panics":  {func(context.CancelFunc) error { panic(failed) }, failed},
		"it panics for an ended one": {func(end context.CancelFunc) error { end(); panic(failed) }, failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancel(t.Context())
				defer end()
				g := New(1)
				key := signingKey{testkeys.Merchant(), func() error {
					time.Sleep(takes)
					return test.signs(end)
				}}
				err := func() (err error) {
					defer func() {
						if cause, ok := recover().(error); ok {
							err = cause
						}
					}()
					_, err = g.Sign(ctx, keys.Key{Private: key}, nil, time.Now().Add(-waited), maxWait)
					return err
				}()
				assert.ErrorIs(t, err, test.err)
				assert.Empty(t, g.slots)
				assert.Equal(t, takes, time.Duration(g.pace.Load()))
			})
		})
	}
}

// remoteKey is a key outside this process.
type remoteKey struct{ crypto.Signer }

func (k remoteKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return k.Sign(nil, digest, opts)
}

// A remote key uses no CPU of this process: it waits for no turn, takes none from others, and
// is given the request's context.
func TestRemoteKeysDoNotWait(t *testing.T) {
	g, remote := New(1), keys.Key{Private: remoteKey{testkeys.Merchant()}}
	require.NoError(t, g.Enter(t.Context(), time.Now(), time.Minute))
	_, err := g.Sign(t.Context(), remote, nil, time.Now().Add(-time.Hour), time.Minute)
	assert.NoError(t, err, "though the only slot is taken, and the time to wait is over")
	g.Leave(time.Now())
	assert.Empty(t, g.slots)

	over, end := context.WithCancel(t.Context())
	end()
	_, err = g.Sign(over, remote, nil, time.Now(), time.Minute)
	assert.ErrorIs(t, err, context.Canceled)
}
