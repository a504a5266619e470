package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// The memory settings of the manifests' containers.
const (
	memoryLimit = 192 << 20
	goMemLimit  = "GOMEMLIMIT=160MiB"
	fitting     = 500 // calls in flight
)

// newMemoryCgroup creates a control group with memoryLimit.
func newMemoryCgroup(t *testing.T) *cgroup {
	t.Helper()
	if hasRaceDetector() {
		t.Skip("with the race detector, a process takes many times the memory")
	}
	return newCgroup(t, "memory",
		map[string]string{"memory.limit_in_bytes": strconv.Itoa(memoryLimit)},
		map[string]string{"memory.max": strconv.Itoa(memoryLimit), "memory.swap.max": "0"})
}

// startInMemory runs a sidecar with memoryLimit, and with health on the same port.
func startInMemory(t *testing.T, gateway, options string, env ...string) *sidecar {
	t.Helper()
	return startInGroup(t, newMemoryCgroup(t), gateway, options, env...)
}

func startInGroup(t *testing.T, group *cgroup, gateway, options string, env ...string) *sidecar {
	t.Helper()
	port := testnet.FreePort(t)
	block := payermaxBlock(t, setup{gateway: gateway, options: options})
	config := strings.Replace(caddyfile(port, "payermax_health\nmetrics /metrics\n"+block), "debug\n", "", 1)
	return startIn(t, group, "127.0.0.1:"+strconv.Itoa(port), config, env)
}

// Without GOMEMLIMIT, max_in_flight is derived from the control group's limit.
func TestMaxInFlightByControlGroup(t *testing.T) {
	testtool.Quiet(t)
	group := newMemoryCgroup(t)
	if group == nil {
		t.Skip("the memory of a process cannot be limited here")
	}
	s := startInGroup(t, group, newUpstream(t).url(), "")
	assert.Contains(t, get(t, "http://"+s.addr+"/metrics"), "\ncaddy_payermax_max_in_flight 564\n")
}

// tally records how calls ended, as the applications see it.
type tally struct {
	mutex    sync.Mutex
	statuses map[int]int
	broken   []error
	longest  map[int]time.Duration
}

func newTally() *tally {
	return &tally{statuses: make(map[int]int), longest: make(map[int]time.Duration)}
}

// call makes one call on a new connection.
func (a *tally) call(s *sidecar, body string) {
	began := time.Now()
	res, err := callOnce(s.addr, body)
	took := time.Since(began)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	switch {
	case err != nil:
		a.broken = append(a.broken, err)
		return
	case res.status == http.StatusServiceUnavailable && res.header.Get("Retry-After") == "":
		a.broken = append(a.broken, fmt.Errorf("a refusal without Retry-After: %s", res.raw))
	}
	a.statuses[res.status]++
	a.longest[res.status] = max(a.longest[res.status], took)
}

func callOnce(addr, body string) (*response, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c := newClient(conn)
	_ = conn.SetDeadline(time.Now().Add(40 * time.Second))
	return c.roundTrip(post(body))
}

// line is the part of a call's log line that these tests check.
type line struct {
	Msg     string
	ID      string  `json:"request_id"`
	Outcome string  `json:"payermax.outcome"`
	Signing float64 `json:"sign_duration"` // including the wait
}

// callsIn returns the lines of calls.
func callsIn(log testprocess.Printed) (calls []line) {
	for _, text := range log.Lines(`"msg":"call"`) {
		var l line
		if json.Unmarshal([]byte(text), &l) == nil && l.Msg == "call" {
			calls = append(calls, l)
		}
	}
	return calls
}

// requireLines checks that exactly the answered calls have log lines, one each, and returns these
// lines.
func (a *tally) requireLines(t *testing.T, s *sidecar) []line {
	t.Helper()
	all := 0
	for _, count := range a.statuses {
		all += count
	}
	s.awaitCalls(t, a.statuses[http.StatusOK], "answered")
	s.Prints(t, all, `"msg":"call"`)
	calls := callsIn(s.awaitCalls(t, all, ""))
	ids := make(map[string]bool)
	for _, l := range calls {
		ids[l.ID] = true
	}
	assert.Len(t, ids, all)
	return calls
}

// watchProbes makes probes until it is stopped, and then returns the longest time that an answer
// took.
func watchProbes(t *testing.T, s *sidecar) (stop func() time.Duration) {
	t.Helper()
	var longest atomic.Int64
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		client := &http.Client{Timeout: 10 * time.Second}
		for {
			began := time.Now()
			res, err := client.Get("http://" + s.addr + "/livez")
			if assert.NoError(t, err, "a probe") {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				assert.Equal(t, http.StatusOK, res.StatusCode)
			}
			longest.Store(max(longest.Load(), int64(time.Since(began))))
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return func() time.Duration {
		close(done)
		watching.Wait()
		return time.Duration(longest.Load())
	}
}

// With a slow gateway, calls pile up, yet the sidecar's memory stays below its limit: calls that do
// not fit are refused before they are signed, and every accepted call is answered and logged. That
// holds both for 2,500 calls at once and for about as many spread over the following seconds.
func TestSlowGatewayCostsBoundedMemory(t *testing.T) {
	testtool.Quiet(t)
	const answersAfter = 8 * time.Second
	gateway := newDelayedGateway(t, answersAfter)
	s := startInMemory(t, gateway.url, "timeout 20s", goMemLimit)
	before := s.peakOwnMemory(t)
	stood, stop := testtool.Standstill(t), watchProbes(t, s)
	all := newTally()
	var calls sync.WaitGroup
	for range 2500 {
		calls.Go(func() { all.call(s, validBody()) })
	}
	ticker := time.NewTicker(time.Second / 250)
	defer ticker.Stop()
	for began := time.Now(); time.Since(began) < answersAfter+time.Second; <-ticker.C {
		calls.Go(func() { all.call(s, validBody()) })
	}
	calls.Wait()
	slowest := stop()

	t.Logf("%v, %d broken; memory %d MiB before, %d MiB at most; the slowest probe %v; most at the gateway %d",
		all.statuses, len(all.broken), before>>20, s.peakOwnMemory(t)>>20, slowest, gateway.most.Load())
	assert.Empty(t, all.broken)
	assert.GreaterOrEqual(t, all.statuses[http.StatusOK], fitting)
	assert.NotZero(t, all.statuses[http.StatusServiceUnavailable])
	assert.Len(t, all.statuses, 2, "nothing but answers and refusals")
	assert.LessOrEqual(t, gateway.most.Load(), int64(fitting))
	assert.Less(t, s.peakOwnMemory(t), memoryLimit)
	assert.Less(t, slowest, 5*time.Second+stood())
	all.requireLines(t, s)
	metrics := get(t, "http://"+s.addr+"/metrics")
	assert.Contains(t, metrics, fmt.Sprintf("\ncaddy_payermax_max_in_flight %d\n", fitting))
	assert.Contains(t, metrics, "\ncaddy_payermax_requests_in_flight 0\n")
	assert.NotContains(t, metrics, `caddy_payermax_limit_refusals_total{limit="in_flight"} 0`)
}

// answersLargely runs a server whose answers have this code, are nearly as large as allowed, and
// take three seconds.
func answersLargely(t *testing.T, code string) (address string) {
	large := `{"code":"` + code + `","msg":"` + strings.Repeat("x", 900<<10)
	return serveGateway(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, large)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(3 * time.Second)
		_, _ = io.WriteString(w, `"}`)
	})
}

// Large answers that arrive slowly do not cost more memory either: calls whose answers do not fit
// end as unknown, and are logged.
func TestLargeAnswersCostBoundedMemory(t *testing.T) {
	testtool.Quiet(t)
	gateway := answersLargely(t, "APPLY_SUCCESS")
	s := startInMemory(t, gateway, "timeout 30s\nmax_wait 20s", goMemLimit)
	all := newTally()
	var calls sync.WaitGroup
	for range fitting {
		calls.Go(func() { all.call(s, validBody()) })
	}
	calls.Wait()

	t.Logf("%v, %d broken; memory %d MiB at most", all.statuses, len(all.broken), s.peakOwnMemory(t)>>20)
	assert.Empty(t, all.broken)
	assert.NotZero(t, all.statuses[http.StatusBadGateway])
	assert.Less(t, s.peakOwnMemory(t), memoryLimit)
	all.requireLines(t, s)
}

// delayedGateway answers after a delay.
type delayedGateway struct {
	url       string
	now, most atomic.Int64 // calls in flight there, now and at most
}

func newDelayedGateway(t *testing.T, after time.Duration) *delayedGateway {
	t.Helper()
	g := new(delayedGateway)
	g.url = serveGateway(t, func(w http.ResponseWriter, r *http.Request) {
		g.most.Store(max(g.most.Load(), g.now.Add(1)))
		defer g.now.Add(-1)
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(after)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Sign", successSign())
		_, _ = io.WriteString(w, success)
	})
	return g
}

// Connections whose bodies never complete cost at most the memory of what has arrived. Only as many
// bodies as fit are waited for, and none for longer than a call may take.
func TestUnfinishedBodiesCostBoundedMemory(t *testing.T) {
	testtool.Quiet(t)
	const connections, announced, timeout = 3000, 64 << 10, 8 * time.Second
	gateway := newUpstream(t)
	s := startInMemory(t, gateway.url(), fmt.Sprintf("timeout %v", timeout), goMemLimit)
	before := s.peakOwnMemory(t)
	raw := post(strings.Repeat(" ", announced-1), fmt.Sprintf("Content-Length: %d", announced))
	statuses := make(chan int, connections)
	var all sync.WaitGroup
	for range connections {
		conn, err := net.Dial("tcp", s.addr)
		require.NoError(t, err)
		defer conn.Close()
		all.Go(func() {
			res, err := newClient(conn).roundTrip(raw)
			if err == nil {
				statuses <- res.status
			}
		})
	}
	awaitMetric := func(series string) func() bool {
		return func() bool { return strings.Contains(get(t, "http://"+s.addr+"/metrics"), "\n"+series+"\n") }
	}
	await(t, patience, "the places to be taken", awaitMetric(fmt.Sprintf("caddy_payermax_requests_in_flight %d", fitting)))
	res := s.post(t, validBody())
	assert.Equal(t, http.StatusServiceUnavailable, res.status)
	assert.False(t, res.close, "an application that has to connect again makes it worse")
	await(t, timeout+patience, "the places to be free", awaitMetric("caddy_payermax_requests_in_flight 0"))
	all.Wait()
	requireSuccess(t, s.post(t, validBody()))
	close(statuses)
	count := make(map[int]int)
	for status := range statuses {
		count[status]++
	}
	t.Logf("%v; memory %d MiB before, %d MiB at most", count, before>>20, s.peakOwnMemory(t)>>20)
	assert.GreaterOrEqual(t, count[http.StatusBadRequest], fitting)
	assert.Less(t, s.peakOwnMemory(t), memoryLimit)
}

// If signing is slow, because the sidecar has almost no CPU or because more goroutines than CPUs
// compute signatures, no answered call has waited much longer than max_wait, and every call is
// answered.
func TestWaitIsBounded(t *testing.T) {
	testtool.Quiet(t)
	if hasRaceDetector() {
		t.Skip("with the race detector, a signature takes many times the CPU")
	}
	const maxWait = time.Second
	t.Run("50 millicores, 60 calls a second", func(t *testing.T) {
		group := newCgroup(t, "cpu", map[string]string{"cpu.cfs_period_us": "100000"}, map[string]string{"cpu.max": "max 100000"})
		if group == nil {
			t.Skip("the CPU cannot be taken away from a process here")
		}
		s := startOverloaded(t, group)
		require.NoError(t, group.throttle(5, 100))
		stood, all := testtool.Standstill(t), newTally()
		var calls sync.WaitGroup
		ticker := time.NewTicker(time.Second / 60)
		for began := time.Now(); time.Since(began) < 10*time.Second; <-ticker.C {
			calls.Go(func() { all.call(s, validBody()) })
		}
		ticker.Stop()
		calls.Wait()
		require.NoError(t, group.unthrottle())
		all.requireBounded(t, s, maxWait, stood())
		assert.NotZero(t, all.statuses[http.StatusServiceUnavailable])
	})
	for name, engine := range map[string]string{"GOMAXPROCS=64": "", "GOMAXPROCS=64, in batches": "batch"} {
		t.Run(name, func(t *testing.T) {
			s := startOverloadedWith(t, engine, nil, "GOMAXPROCS=64")
			stood, all := testtool.Standstill(t), newTally()
			var callers sync.WaitGroup
			ends := time.Now().Add(6 * time.Second)
			for range 1500 {
				callers.Go(func() {
					for time.Now().Before(ends) {
						all.call(s, validBody())
					}
				})
			}
			callers.Wait()
			all.requireBounded(t, s, maxWait, stood())
		})
	}
}

// startOverloaded runs a sidecar that the test will overload.
func startOverloaded(t *testing.T, group *cgroup, env ...string) *sidecar {
	t.Helper()
	return startOverloadedWith(t, "", group, env...)
}

// startOverloadedWith is like startOverloaded, with an engine unless engine is "".
func startOverloadedWith(t *testing.T, engine string, group *cgroup, env ...string) *sidecar {
	t.Helper()
	gateway := newDelayedGateway(t, 0)
	port := testnet.FreePort(t)
	block := payermaxBlock(t, setup{gateway: gateway.url})
	if engine != "" {
		block = regexp.MustCompile(`private_key (\S+)`).ReplaceAllString(block, "key file $1 {\nengine "+engine+"\n}")
	}
	config := strings.Replace(caddyfile(port, block), "debug\n", "", 1)
	return startIn(t, group, "127.0.0.1:"+strconv.Itoa(port), config, env)
}

// requireBounded checks that all calls were answered, and that no wait was much longer than
// allowed. The log reports the wait together with the signature. A process that is not scheduled,
// as one with almost no CPU mostly is, cannot end a wait on time; neither can a process on a
// machine that stood still for a while.
func (a *tally) requireBounded(t *testing.T, s *sidecar, maxWait, stood time.Duration) {
	t.Helper()
	var signing []float64
	for _, l := range a.requireLines(t, s) {
		if l.Outcome == "answered" {
			signing = append(signing, l.Signing)
		}
	}
	require.NotEmpty(t, signing)
	slices.Sort(signing)
	p99, longest := signing[len(signing)*99/100], signing[len(signing)-1]
	t.Logf("%v, %d broken; longest by status %v; wait and signature: p50 %.3f s, p99 %.3f s, longest %.3f s; the machine stood still for %v",
		a.statuses, len(a.broken), a.longest, signing[len(signing)/2], p99, longest, stood)
	assert.Empty(t, a.broken)
	assert.Less(t, p99, 1.5*maxWait.Seconds()+stood.Seconds())
	assert.Less(t, longest, 2*maxWait.Seconds()+stood.Seconds())
}

// Notifications and the application's answers to them do not cost more memory either, even if they
// are as large as allowed, arrive slowly, or are forged.
func TestLargeNotificationsCostBoundedMemory(t *testing.T) {
	testtool.Quiet(t)
	app := answersLargely(t, "SUCCESS")
	forged := strings.Repeat(" ", 250<<10)
	for name, test := range map[string]struct {
		options  string
		raw      string
		statuses []int // each must occur
	}{
		"ack after":  {"ack after", notifying("/callback", paid()), []int{http.StatusOK, http.StatusServiceUnavailable}},
		"duplicates": {"duplicates 1h", "", []int{http.StatusOK, http.StatusServiceUnavailable}},
		"forged":     {"", requestWith("POST /callback HTTP/1.1", forged, "sign: x"), []int{http.StatusForbidden, http.StatusServiceUnavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			port := testnet.FreePort(t)
			site := notifyBlock(t, "/callback*", test.options) + "reverse_proxy " + app
			config := strings.Replace(caddyfile(port, site), "debug\n", withoutFields+"\n", 1)
			s := startIn(t, newMemoryCgroup(t), "127.0.0.1:"+strconv.Itoa(port), config, []string{goMemLimit})
			statuses := make(map[int]int)
			// A busy machine may read one body after the other, and have room for them all.
			for round := 0; round < 5 && len(statuses) < len(test.statuses); round++ {
				for status, count := range s.deliverAtOnce(t, fitting, func(i int) (begin, end string) {
					raw := test.raw
					if raw == "" { // notifications must differ
						raw = notifying("/callback", strings.Replace(paid(), `"P1"`, fmt.Sprintf(`"P%d-%d"`, round, i), 1))
					}
					return raw[:len(raw)-1], raw[len(raw)-1:]
				}) {
					statuses[status] += count
				}
			}
			t.Logf("%v; memory %d MiB at most", statuses, s.peakOwnMemory(t)>>20)
			for _, status := range test.statuses {
				assert.NotZero(t, statuses[status], status)
			}
			assert.Len(t, statuses, len(test.statuses))
			assert.Less(t, s.peakOwnMemory(t), memoryLimit)
		})
	}
}

// deliverAtOnce makes count requests whose last parts are sent only when everything else of all of
// them has been sent, and counts the statuses of the answers.
func (s *sidecar) deliverAtOnce(t *testing.T, count int, request func(i int) (begin, end string)) map[int]int {
	t.Helper()
	var begun, all sync.WaitGroup
	begun.Add(count)
	var mutex sync.Mutex
	statuses := make(map[int]int)
	for i := range count {
		all.Go(func() {
			c := s.dial(t)
			defer c.conn.Close()
			_ = c.conn.SetDeadline(time.Now().Add(60 * time.Second))
			begin, end := request(i)
			_, _ = io.WriteString(c.conn, begin) // as much as the server reads
			begun.Done()
			begun.Wait()
			res, err := c.roundTrip(end)
			if assert.NoError(t, err) {
				mutex.Lock()
				defer mutex.Unlock()
				statuses[res.status]++
			}
		})
	}
	all.Wait()
	return statuses
}
