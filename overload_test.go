package payermax

import (
	"crypto"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/gate"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
)

// slowKey is a key whose signatures wait until the test allows them.
type slowKey struct {
	crypto.Signer
	turn chan struct{}
}

func (k slowKey) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	<-k.turn
	return k.Signer.Sign(rand, digest, opts)
}

// With more requests than can be signed, some are refused at once, and all others are
// answered.
func TestOverload(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.MaxWait = caddy.Duration(39 * time.Second)
		h.Timeout = caddy.Duration(time.Minute)
	})
	h.gate = gate.New(1)
	h.gate.Observe(10 * time.Second) // so three may wait, however late they reach the gate
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
	require.Eventually(t, func() bool { return len(codes) == 16 }, 30*time.Second, time.Millisecond, "those beyond are refused while nothing is signed")
	close(turn)
	requests.Wait()
	close(codes)
	count := make(map[int]int)
	for code := range codes {
		count[code]++
	}
	assert.Equal(t, map[int]int{http.StatusOK: 4, http.StatusServiceUnavailable: 16}, count)
}

// withSlowKey makes the handler sign only when the test allows it through turn.
func withSlowKey(h *Handler) (turn chan struct{}) {
	turn = make(chan struct{})
	setKey(h, slowKey{merchantKey(), turn})
	return turn
}

// The wait for a signature counts into the call's timeout.
func TestWaitCountsIntoTimeout(t *testing.T) {
	h := newHandler(t, func(h *Handler) {
		h.MaxWait = caddy.Duration(time.Minute)
		h.Timeout = caddy.Duration(50 * time.Millisecond)
	})
	h.gate = gate.New(1)
	require.NoError(t, h.gate.Enter(t.Context(), time.Now(), time.Minute))
	w := serve(t, h, post(sessionBody), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Contains(t, refusalOf(t, w).Msg, "nothing was sent")
}
