package payermax

import (
	"context"
	"crypto"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

func TestGate(t *testing.T) {
	g := newGate(1)
	g.limit = 2
	require.NoError(t, g.enter(t.Context()))

	var entered sync.WaitGroup
	for range 2 {
		entered.Go(func() { assert.NoError(t, g.enter(context.Background())) })
	}
	require.Eventually(t, g.isFull, time.Second, time.Millisecond)
	assert.ErrorIs(t, g.enter(t.Context()), errOverloaded)
	assert.True(t, g.isFull())

	g.leave()
	g.leave()
	entered.Wait()
	assert.False(t, g.isFull())

	// Who goes away while it waits gives up its place.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, g.enter(ctx), context.Canceled)
	assert.Zero(t, g.waiting.Load())
}

// With more requests than can be signed, some are refused at once, and those
// that are not are answered.
func TestOverload(t *testing.T) {
	t.Cleanup(func(g *gate) func() { return func() { signatures = g } }(signatures))
	signatures = newGate(1)
	signatures.limit = 3

	h := newHandler(t)
	loaded := *h.merchants.only.keyring.current.Load()
	turn := make(chan struct{})
	loaded.signing.Signer = slowKey{merchantKey(), turn}
	h.merchants.only.keyring.current.Store(&loaded)

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
