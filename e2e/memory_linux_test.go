package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// peakMemory returns the peak memory of the process so far, in bytes.
func (s *sidecar) peakMemory(t *testing.T) int { return s.memory(t, "VmHWM:") }

// peakOwnMemory is like peakMemory, but without the pages of the program's file, which the kernel
// can reclaim.
func (s *sidecar) peakOwnMemory(t *testing.T) int {
	return s.memory(t, "VmHWM:") - s.memory(t, "RssFile:")
}

// memory reads a field of the process's /proc status.
func (s *sidecar) memory(t *testing.T, field string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid()))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(status), field)
	require.True(t, found)
	kibibytes, err := strconv.Atoi(strings.Fields(after)[0])
	require.NoError(t, err)
	return kibibytes << 10
}

// holdingGateway holds the calls that it receives until it is told to answer them.
type holdingGateway struct {
	url     string
	arrived atomic.Int64
	release chan struct{}
}

func newHoldingGateway(t *testing.T) *holdingGateway {
	g := &holdingGateway{release: make(chan struct{})}
	g.url = serveGateway(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if assert.NoError(t, err) {
			assert.NoError(t, verify(&testkeys.Merchant().PublicKey, body, r.Header.Get("Sign")))
		}
		g.arrived.Add(1)
		<-g.release
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Sign", successSign())
		_, _ = io.WriteString(w, success)
	})
	return g
}

// serveGateway runs a gateway until the end of the test, and returns its URL.
func serveGateway(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

// However large and many the bodies are, the sidecar's memory is bounded by what max_body_size
// admits at once. A body in flight, whether it is refused or answered, costs six times its size. A
// body made of the smallest possible members costs thirty-two times its size, because names are
// remembered until it is certain that none is repeated.
func TestMemory(t *testing.T) {
	testtool.Quiet(t)
	t.Parallel()
	const atOnce = 64
	limit, each, eachMember, rest := 1<<20, 6, 32, 32<<20
	if hasRaceDetector() { // the race detector takes many times the memory and the time
		limit, each, eachMember, rest = 128<<10, 24, 128, 128<<20
	}
	const defaultPart = 16 // by default, this fraction of the limit is admitted
	gateway := newHoldingGateway(t)
	options := fmt.Sprintf("max_body_size %d\ntimeout 60s", limit)
	s := startSidecar(t, setup{gateway: gateway.url, options: options})
	release := sync.OnceFunc(func() { close(gateway.release) })
	t.Cleanup(release)

	block, _ := data()
	with := func(size int, members string) string { // returns a body of that size
		body := `{"data":` + block[:len(block)-1] + members
		return body + strings.Repeat("x", size-len(body)-len(`"}}`)) + `"}}`
	}
	var members strings.Builder
	for i := 0; members.Len() < limit/defaultPart-1024; i++ {
		fmt.Fprintf(&members, `,"%s":0`, strconv.FormatInt(int64(i), 36))
	}
	oversized := strings.Repeat(" ", 2*limit)

	before := s.peakMemory(t)
	for _, test := range []struct { // later tests take more memory
		name, raw string
		status    int // 0 if the calls are held at the gateway
		allowed   int // growth, in bytes
	}{
		{"too large, declared", post("", "Content-Length: 9000000000"), http.StatusRequestEntityTooLarge, rest},
		{"too large, chunked", postChunked(oversized, 4096), http.StatusRequestEntityTooLarge, atOnce*each*limit + rest},
		{"many members", post(with(limit/defaultPart, members.String()+`,"_":"`)), 0, atOnce*eachMember*limit/defaultPart + rest},
		{"as large as it may be", post(with(limit, `,"_":"`)), 0, atOnce*each*limit + rest},
	} {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			var requests sync.WaitGroup
			defer func() {
				if t.Failed() { // it failed before all were released
					release()
				}
				requests.Wait()
			}()
			for range atOnce {
				requests.Go(func() { s.insist(t, test.raw, test.status) })
			}
			if test.status == 0 {
				await(t, 60*time.Second, "the calls at the gateway", func() bool { return gateway.arrived.Load() == atOnce })
				gateway.arrived.Store(0)
				for range atOnce {
					gateway.release <- struct{}{}
				}
			}
			requests.Wait()
			growth := s.peakMemory(t) - before
			t.Logf("%d requests at once, of %d KiB at most: %d MiB more than the %d MiB before, of %d MiB that are allowed; %v",
				atOnce, limit>>10, growth>>20, before>>20, test.allowed>>20, time.Since(began).Round(time.Millisecond))
			assert.Less(t, growth, test.allowed)
		})
	}
	release()
	requireSuccess(t, s.post(t, validBody()))
}

// insist repeats a request until there is time to sign it, and checks the answer's status.
func (s *sidecar) insist(t *testing.T, raw string, status int) {
	want := max(status, http.StatusOK)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		c := s.dial(t)
		_ = c.conn.SetDeadline(deadline)
		res, err := c.roundTrip(raw)
		c.conn.Close()
		if !assert.NoError(t, err) {
			return
		}
		if res.status != http.StatusServiceUnavailable {
			assert.Equal(t, want, res.status, "%.300s", res.raw)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	assert.Fail(t, "there was never time to sign it")
}
