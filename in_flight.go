package payermax

import (
	"io"
	"math"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// What the default of max_in_flight is derived from.
const (
	// processMemory is what the process takes without a call, in bytes.
	processMemory = 60 << 20
	// callMemory is what each call adds: about 0.1 MiB, and as much again for the
	// garbage collector to work in.
	callMemory = 2 << 20 / 10
	// mostInFlight is the default where memory is plenty, or its limit unknown.
	mostInFlight = 10_000
	// fewestInFlight is the default where there is next to no memory.
	fewestInFlight = 20
)

// defaultMaxInFlight returns how many calls fit into the memory limit, in bytes.
func defaultMaxInFlight(memoryLimit int64) int {
	return int(min(max((memoryLimit-processMemory)/callMemory, fewestInFlight), mostInFlight))
}

// memoryLimit returns the process's: GOMEMLIMIT, or what Caddy has made of the
// limit of the cgroup, of either version, or of the machine's memory.
func memoryLimit() int64 { return debug.SetMemoryLimit(-1) }

// occupancy counts the requests that hold memory: each from before its body is read
// until it is answered. A gateway that takes its time makes them pile up.
type occupancy struct {
	count atomic.Int64

	mutex  sync.Mutex
	bounds map[*Handler]int // of the handlers in use
}

// inFlight counts those of the process, since its memory is what is short.
var inFlight = &occupancy{bounds: make(map[*Handler]int)}

// largeAnswers counts what answers hold beyond their first [reply.AnswerStep], a place
// for each. PayerMax's are a few kilobytes, but a gateway that sends large ones slowly
// makes them pile up.
var largeAnswers = new(occupancy)

// fewestLarge is how many places there are at least, which is one answer of the
// largest size.
const fewestLarge = reply.MaxAnswerSize / reply.AnswerStep

// makeRoom takes another place for the call's answer. There are half as many as there
// may be calls, so that both together stay within the memory limit.
func (c *call) makeRoom(maxInFlight int) bool {
	if !largeAnswers.enter(max(maxInFlight/2, fewestLarge)) {
		return false
	}
	c.largeness++
	return true
}

// enter takes a place, unless all up to the bound are taken. If it returns true,
// leave must be called.
func (o *occupancy) enter(bound int) bool {
	for {
		taken := o.count.Load()
		if taken >= int64(bound) {
			return false
		}
		if o.count.CompareAndSwap(taken, taken+1) {
			return true
		}
	}
}

func (o *occupancy) leave() { o.count.Add(-1) }

// setBound notes the bound of a handler, for the metric.
func (o *occupancy) setBound(h *Handler, bound int) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.bounds[h] = bound
}

// removeBound forgets a handler's.
func (o *occupancy) removeBound(h *Handler) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	delete(o.bounds, h)
}

// bound is the smallest one, at which the first requests are refused.
func (o *occupancy) bound() int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	smallest := math.MaxInt
	for _, bound := range o.bounds {
		smallest = min(smallest, bound)
	}
	if len(o.bounds) == 0 {
		return defaultMaxInFlight(memoryLimit())
	}
	return smallest
}

var (
	inFlightMetric = prom.Description("requests_in_flight",
		"Requests of applications, and notifications, that are being handled and hold memory.")
	maxInFlightMetric = prom.Description("max_in_flight",
		"How many of them there may be at once; the smallest number, if handlers differ.")
)

// Describe describes the metrics.
func (o *occupancy) Describe(described chan<- *prometheus.Desc) {
	described <- inFlightMetric
	described <- maxInFlightMetric
}

// Collect reads the count and the bound.
func (o *occupancy) Collect(collected chan<- prometheus.Metric) {
	collected <- prometheus.MustNewConstMetric(inFlightMetric, prometheus.GaugeValue, float64(o.count.Load()))
	collected <- prometheus.MustNewConstMetric(maxInFlightMetric, prometheus.GaugeValue, float64(o.bound()))
}

// tooManyInFlight refuses a request that there is no memory for.
func tooManyInFlight() *reply.Refusal {
	f := reply.Denied(limitInFlight, http.StatusServiceUnavailable, "SYSTEM_ERROR",
		"the sidecar has as many calls in flight as max_in_flight allows; nothing was sent, so it is safe to try again")
	f.Header = http.Header{"Retry-After": {"1"}}
	return f
}

// What is read of a body that is refused all the same.
const (
	// cheapBody is how large it may be, in bytes. Those of PayerMax's calls are
	// some kilobytes.
	cheapBody = 16 << 10
	// cheapWait is for how long. Nearly all bodies arrive with their header.
	cheapWait = 100 * time.Millisecond
)

// discard reads a small body without keeping it, and reports whether it did, so that
// the connection can be used again: to open another one costs more, and those who
// are refused come back.
func discard(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength < 0 || r.ContentLength > cheapBody || r.Header.Get("Expect") != "" {
		return false
	}
	connection := http.NewResponseController(w)
	if connection.SetReadDeadline(time.Now().Add(cheapWait)) != nil {
		return false
	}
	_, err := io.Copy(io.Discard, r.Body)
	_ = connection.SetReadDeadline(time.Time{}) // as net/http does after a body
	return err == nil
}
