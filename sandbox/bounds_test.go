package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

func packageDoc(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	return string(source)
}

func TestTenThousandCalls(t *testing.T) {
	g := newGateway(t)
	for range 10_000 {
		// These answers are not signed: signing would take most of the time.
		serve(g, httptest.NewRequest(http.MethodGet, testPath, nil))
	}
	calls := g.state().recentCalls()
	require.Len(t, calls, 200)
	assert.Equal(t, 10_000, calls[0].ID)
	assert.Equal(t, 9_801, calls[199].ID)
	assert.LessOrEqual(t, cap(g.state().calls.entries), 1000)
}

func TestRecentIsBoundedInBytes(t *testing.T) {
	var r recent[int]
	for i := range 100 {
		r.add(i, 1<<20)
	}
	assert.Len(t, r.entries, 8)
	assert.Equal(t, 8<<20, r.bytes)
	assert.Equal(t, []int{99, 98, 97, 96, 95, 94, 93, 92}, r.newestFirst())
	r.add(100, maxRecentBytes+1)
	assert.Equal(t, []int{100}, r.newestFirst(), "the newest is always kept")
	r.add(101, 1)
	assert.Equal(t, []int{101}, r.newestFirst())
}

func TestShelfForgetsTheOldest(t *testing.T) {
	var s shelf[int]
	for i := range 2*maxKept + 5 {
		s.put(fmt.Sprint(i), i+1)
	}
	assert.Len(t, s.entries, maxKept)
	assert.Len(t, s.keys, maxKept)
	assert.Zero(t, s.get(fmt.Sprint(maxKept+4)))
	assert.Equal(t, maxKept+6, s.get(fmt.Sprint(maxKept+5)))
	assert.Equal(t, 2*maxKept+5, s.get(fmt.Sprint(2*maxKept+4)))
}

// A request that would exceed the number of tasks is refused and has no effect.
func TestTasksAreBounded(t *testing.T) {
	g := closing(t, newGateway(t))
	session := openSession(t, g)
	block := make(chan struct{})
	for range maxTasks {
		require.True(t, g.state().tasks.start(func(context.Context) { <-block }))
	}
	assertRefused(t, call(t, g, "orderAndPay", orderFields(session).String()),
		"SYSTEM_ERROR", "System is busy, please try again later.")
	close(block)
	assert.Eventually(t, func() bool {
		return call(t, g, "orderAndPay", orderFields(session).String()).Code == "APPLY_SUCCESS"
	}, 30*time.Second, time.Millisecond)
}

func TestNoGoroutineIsLeftAfterClose(t *testing.T) {
	s := newShop(t)
	s.answer = func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusInternalServerError) }
	begun := testtool.Goroutines()
	g := newGateway(t)
	assert.Empty(t, begun(), "New starts none")
	session := openSession(t, g)
	for i := range 100 {
		order := orderFields(session).with(fields{
			"outTradeNo": fmt.Sprint("P", i), "notifyUrl": s.URL, "subject": []string{"SUCCESS", "PENDING", "3DS"}[i%3],
		})
		must(t, g, "orderAndPay", order.String())
	}
	s.wait(t, 34)
	assert.Greater(t, len(begun()), 90)
	require.NoError(t, g.Close(t.Context()))
	s.CloseClientConnections()
	// The last goroutines of the shop's server end on their own, a moment later.
	assert.EventuallyWithT(t, func(c *assert.CollectT) { assert.Empty(c, begun()) }, 30*time.Second, 10*time.Millisecond)
}

// Many clients at once, each with its own orders and refunds, and a reader of the page: no state is mixed up.
func TestEverythingConcurrently(t *testing.T) {
	g := closing(t, newGateway(t))
	g.TimeScale, g.PendingDelay = 1e5, time.Second
	s := newShop(t)
	session := openSession(t, g)
	var wg sync.WaitGroup
	const clients = 8
	placed := make([]int, clients)
	for i := range clients {
		wg.Go(func() {
			for j := range 5 {
				// Two clients use each number; one of them must be refused for the repetition.
				order := orderFields(session).with(fields{
					"outTradeNo": fmt.Sprintf("P%d_%d", i/2, j), "notifyUrl": s.URL, "subject": "PENDING",
				})
				if call(t, g, "orderAndPay", order.String()).Code == "APPLY_SUCCESS" {
					placed[i]++
				}
				call(t, g, "refund", refundFields(1).with(fields{"outTradeNo": order["outTradeNo"], "outRefundNo": fmt.Sprint(i, j)}).String())
				for _, path := range []string{"", "live", "calls", "notifications", "faults"} {
					sendControl(g, http.MethodGet, path, "")
				}
				sendControl(g, http.MethodPut, "faults", `{"endpoint":"refundQuery","fault":"latency=1ms"}`)
				serve(g, callRequest(t, g, "refundQuery", `{"outRefundNo":"x"}`))
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range placed {
		total += n
	}
	assert.Equal(t, clients/2*5, total)
	s.wait(t, total)
	sent(t, g, total)
	assert.False(t, strings.Contains(sendControl(g, http.MethodGet, "notifications", "").Body.String(), "given up"))
}
