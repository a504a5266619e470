package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// soakDuration returns how long TestSoak runs: SOAK_DURATION, or just long enough to see that it
// works.
func soakDuration(t *testing.T) time.Duration {
	text := os.Getenv("SOAK_DURATION")
	if text == "" {
		return 4 * time.Second
	}
	duration, err := time.ParseDuration(text)
	require.NoError(t, err)
	return duration
}

// flappingGateway is a gateway that answers most calls, and counts all of them.
type flappingGateway struct {
	url   string
	calls atomic.Int64
	mu    sync.Mutex
	words map[string]int // number of calls, by the word in them
	wrong []string       // what was wrong with calls
}

func newFlappingGateway(t *testing.T) *flappingGateway {
	g := &flappingGateway{words: make(map[string]int)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(g.serve))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// serve answers requests, except that of every fifty, one is reset before it is read, one is reset
// after it was read, one gets half an answer, one is told to go away, and one gets an answer with
// somebody else's signature.
func (g *flappingGateway) serve(w http.ResponseWriter, r *http.Request) {
	n := g.calls.Add(1) % 50
	body, err := io.ReadAll(r.Body)
	if err == nil {
		g.note(r, body)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Sign", successSign())
	switch n {
	case 10, 20:
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			reset(conn)
		}
	case 30:
		w.Header().Set("Content-Length", strconv.Itoa(len(success)))
		_, _ = io.WriteString(w, success[:40])
	case 40:
		w.Header().Del("Sign")
		w.WriteHeader(http.StatusServiceUnavailable)
	case 49:
		w.Header().Set("Sign", strings.Repeat("A", 344))
		_, _ = io.WriteString(w, success)
	default:
		_, _ = io.WriteString(w, success)
	}
}

var successSign = sync.OnceValue(func() string { return sign(testkeys.Gateway(), []byte(success)) })

// note checks a call when it arrives: each must have a signature by one of the rotation's keys.
func (g *flappingGateway) note(r *http.Request, body []byte) {
	var call struct{ Data struct{ ReferralCode string } }
	err := json.Unmarshal(body, &call)
	if err == nil {
		if err = verify(&testkeys.Merchant().PublicKey, body, r.Header.Get("Sign")); err != nil {
			err = verify(&testkeys.Next().PublicKey, body, r.Header.Get("Sign"))
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.words[call.Data.ReferralCode]++
	if err != nil {
		g.wrong = append(g.wrong, err.Error())
	}
}

// faults returns what was wrong with calls so far.
func (g *flappingGateway) faults() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.wrong
}

func (g *flappingGateway) callsOf(word string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := g.words[word]
	delete(g.words, word) // otherwise the map would grow
	return calls
}

// A sidecar copes with everything at once, all the time: its gateway flaps, its keys rotate and
// break, its config is reloaded, successfully or not, its clients send nonsense or vanish, and it
// gets genuine and forged notifications. It loses no call, makes none twice, passes on no forgery,
// and does not grow.
func TestSoak(t *testing.T) {
	testtool.Quiet(t)
	t.Parallel()
	gateway := newFlappingGateway(t)
	app := startApplication(t)
	forms := []string{testkeys.PrivatePEM(testkeys.Merchant()), testkeys.PrivatePEM(testkeys.Next()), "no key"}
	key := testkeys.WriteFile(t, forms[0])
	port, notifyPort, healthPort := testnet.FreePort(t), testnet.FreePort(t), testnet.FreePort(t)
	config := fmt.Sprintf(`{
	admin off
	persist_config off
}
http://:%d {
	bind 127.0.0.1
	payermax {
		gateway %s
		app_id %s
		private_key %s
		gateway_public_key %s
		timeout 5s
		transport http {
			keepalive 2s # so that connections of replaced configs are soon gone
		}
	}
}
http://:%d {
	bind 127.0.0.1
	%s
	reverse_proxy %s {
		transport http {
			keepalive 2s
		}
	}
}
http://:%d {
	bind handover/127.0.0.1 # or a reload could close the connection that asks
	metrics /metrics
}
`, port, gateway.url, appID, key, testkeys.WritePublic(t, &testkeys.Gateway().PublicKey),
		notifyPort, notifyBlock(t, "/callback*", "ack after", "duplicates 1s"), app.address, healthPort)
	var group *cgroup
	if !hasRaceDetector() {
		group = newMemoryCgroup(t) // kills a process that needs more
	}
	s := startIn(t, group, "127.0.0.1:"+strconv.Itoa(port), config, nil)
	health := fmt.Sprintf("http://127.0.0.1:%d/metrics", healthPort)

	duration := soakDuration(t)
	ends := time.Now().Add(duration)
	var work sync.WaitGroup
	var count outcomes
	var notifications soakedNotifications
	// A slow machine continues until there are enough results.
	isEnough := func() bool {
		return count.answered.Load() > 100 && count.unknown.Load() > 0 && notifications.accepted.Load() > 10 || time.Now().After(ends.Add(patience))
	}
	goesOn := func() bool { return time.Now().Before(ends) || !isEnough() }
	for range 8 {
		work.Go(func() {
			for goesOn() {
				count.add(t, s, gateway)
			}
		})
	}
	work.Go(func() {
		for i := 1; goesOn(); i++ {
			replaceFile(t, key, forms[i%len(forms)])
			time.Sleep(300 * time.Millisecond)
		}
	})
	work.Go(func() {
		for i := 1; goesOn(); i++ {
			time.Sleep(time.Second)
			now := config
			if i%3 == 0 {
				now = strings.Replace(config, "app_id", "app_di", 1)
			}
			replaceFile(t, s.config, now)
			s.Signal(t, syscall.SIGUSR1)
		}
	})
	notified := &sidecar{addr: "127.0.0.1:" + strconv.Itoa(notifyPort)}
	for range 2 {
		work.Go(func() {
			for goesOn() {
				notifications.deliver(t, notified)
			}
		})
	}
	work.Go(func() {
		for goesOn() {
			disturb(s)
			time.Sleep(20 * time.Millisecond)
		}
	})

	// The first fifth is for warming up.
	time.Sleep(duration / 5)
	before := resources(t, health)
	work.Wait()
	// Caddy queues only one signal: if it arrived behind another reload, the final SIGTERM would be
	// lost.
	const begun = "reloading config from last-known source"
	var log testprocess.Printed
	quiet := 0
	s.Await(t, "to end its reloads", func(soFar testprocess.Printed) bool {
		time.Sleep(100 * time.Millisecond)
		log = soFar
		if quiet++; log.Count(begun) > log.Count(reloaded)+log.Count(notTaken) {
			quiet = 0
		}
		return quiet == 5
	})
	var after map[string]float64
	for waits := time.Now().Add(patience / 2); ; time.Sleep(100 * time.Millisecond) { // until everything in flight has ended
		after = resources(t, health)
		if after["go_goroutines"] <= before["go_goroutines"] && after["process_open_fds"] <= before["process_open_fds"] || time.Now().After(waits) {
			break
		}
	}

	t.Logf("TestSoak: %d calls: %d answered, %d unknown or unverified, %d not sent, %d connections closed unserved; %d notifications accepted, %d forged; %d reloads, %d changes of the key; memory %.1f MB, then %.1f MB; goroutines %.0f, then %.0f; descriptors %.0f, then %.0f",
		gateway.calls.Load(), count.answered.Load(), count.unknown.Load(), count.notSent.Load(), count.closed.Load(),
		notifications.accepted.Load(), notifications.forged.Load(), log.Count(reloaded), log.Count("keys reloaded"),
		before["process_resident_memory_bytes"]/1e6, after["process_resident_memory_bytes"]/1e6, before["go_goroutines"], after["go_goroutines"],
		before["process_open_fds"], after["process_open_fds"])
	assert.LessOrEqual(t, after["go_goroutines"], before["go_goroutines"]+5)
	assert.LessOrEqual(t, after["process_open_fds"], before["process_open_fds"]+5)
	for _, r := range app.taken() {
		if !assert.Contains(t, r.body, `"notifyType":"PAYMENT"`) {
			break
		}
	}
	assert.Greater(t, notifications.accepted.Load(), int64(10))
	assert.Empty(t, gateway.faults())
	assert.Greater(t, count.answered.Load(), int64(100))
	assert.Greater(t, count.unknown.Load(), int64(0))
	if duration >= time.Minute { // in less time, the heap does not settle
		assert.Less(t, after["process_resident_memory_bytes"], 1.05*before["process_resident_memory_bytes"]+8e6)
	}
}

// soakedNotifications counts the notifications delivered to the notification site.
type soakedNotifications struct{ sent, accepted, forged atomic.Int64 }

// deliver sends a notification; every second one is forged.
func (n *soakedNotifications) deliver(t *testing.T, site *sidecar) {
	number := n.sent.Add(1)
	body := strings.Replace(paid(), "P1", "P"+strconv.FormatInt(number, 10), 1)
	fields := []string{"Connection: close"}
	if isForged := number%2 == 0; isForged {
		n.forged.Add(1)
		body = strings.Replace(body, "PAYMENT", "FORGED", 1)
		fields = append(fields, "sign: "+sign(testkeys.Stranger(), []byte(body)))
	} else {
		fields = append(fields, signField(body))
	}
	conn, err := net.Dial("tcp", site.addr)
	if err != nil {
		return // during a reload
	}
	defer conn.Close()
	res, err := newClient(conn).roundTrip(requestWith("POST /callback HTTP/1.1", body, fields...))
	switch {
	case err != nil: // a reload closed the connection
	case number%2 == 0:
		assert.Equal(t, http.StatusForbidden, res.status, "%s", res.raw)
	case res.status == http.StatusOK:
		n.accepted.Add(1)
	default:
		assert.GreaterOrEqual(t, res.status, 500, "%s", res.raw)
	}
}

// disturb is a client that sends nonsense, or half of a request, and vanishes.
func disturb(s *sidecar) {
	for _, raw := range []string{
		"nonsense\r\n\r\n", post(`{"data":{}}`), post(validBody(), "Content-Length: 5000"),
		strings.Replace(post(validBody()), endpointPath, "/nowhere", 1), post(validBody(), "Content-Type: text/plain"),
	} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, raw)
		reset(conn)
	}
}

// outcomes counts how calls ended, and checks each against what the gateway saw.
type outcomes struct{ answered, unknown, notSent, closed atomic.Int64 }

func (o *outcomes) add(t *testing.T, s *sidecar, gateway *flappingGateway) {
	block, word := data()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		o.closed.Add(1)
		return
	}
	defer conn.Close()
	res, err := newClient(conn).roundTrip(post(`{"data":`+block+`}`, "Connection: close"))
	calls := gateway.callsOf(word)
	switch {
	case err != nil:
		// A reload closed the connection before the request was read.
		o.closed.Add(1)
		assert.Zero(t, calls, "a call that nobody was told of")
	case res.status == http.StatusOK || res.status == http.StatusServiceUnavailable && !strings.Contains(string(res.body), "code"):
		o.answered.Add(1)
		assert.Equal(t, 1, calls)
	case strings.Contains(string(res.body), "outcome is unknown"):
		o.unknown.Add(1)
		assert.LessOrEqual(t, calls, 1)
	case strings.Contains(string(res.body), "nothing was sent"):
		o.notSent.Add(1)
		assert.Zero(t, calls)
	default:
		assert.Fail(t, "an answer that says nothing about the outcome", "%s", res.raw)
	}
}

// resources reads the process's resource usage from its metrics.
func resources(t *testing.T, url string) map[string]float64 {
	used := make(map[string]float64)
	for _, match := range regexp.MustCompile(`(?m)^(go_goroutines|process_open_fds|process_resident_memory_bytes) (\S+)$`).FindAllStringSubmatch(get(t, url), -1) {
		value, err := strconv.ParseFloat(match[2], 64)
		require.NoError(t, err)
		used[match[1]] = value
	}
	require.Len(t, used, 3)
	return used
}
