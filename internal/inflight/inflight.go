// Package inflight counts the requests that hold memory, since a process has room for
// only so many.
package inflight

import (
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
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

// DefaultBound returns how many requests fit into the memory limit of the process:
// GOMEMLIMIT, or what Caddy has made of the limit of the cgroup, of either version, or
// of the machine's memory.
func DefaultBound() int { return boundWithin(debug.SetMemoryLimit(-1)) }

// boundWithin returns how many requests fit into a memory limit, in bytes.
func boundWithin(memoryLimit int64) int {
	return int(min(max((memoryLimit-processMemory)/callMemory, fewestInFlight), mostInFlight))
}

// Count counts requests: each from before its body is read until it is answered. A
// gateway that takes its time makes them pile up.
type Count struct {
	count atomic.Int64

	mutex  sync.Mutex
	bounds map[any]int // of the handlers in use
}

// Process counts the requests of the process, since its memory is what is short. Only tests
// put another count in its place.
var Process = New()

// New returns a count of no requests.
func New() *Count { return &Count{bounds: make(map[any]int)} }

// Enter takes a place, unless all up to the bound are taken. If it returns true,
// Leave must be called.
func (c *Count) Enter(bound int) bool {
	for {
		taken := c.count.Load()
		if taken >= int64(bound) {
			return false
		}
		if c.count.CompareAndSwap(taken, taken+1) {
			return true
		}
	}
}

// Leave gives a place back.
func (c *Count) Leave() { c.count.Add(-1) }

// Taken returns how many places are taken.
func (c *Count) Taken() int { return int(c.count.Load()) }

// SetBound notes the bound of a handler, for the metric.
func (c *Count) SetBound(handler any, bound int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.bounds[handler] = bound
}

// RemoveBound forgets the bound of a handler.
func (c *Count) RemoveBound(handler any) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.bounds, handler)
}

// Bound returns the smallest bound, at which the first requests are refused.
func (c *Count) Bound() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	smallest := math.MaxInt
	for _, bound := range c.bounds {
		smallest = min(smallest, bound)
	}
	if len(c.bounds) == 0 {
		return DefaultBound()
	}
	return smallest
}

var (
	takenMetric = prom.Description("requests_in_flight",
		"Requests of applications, and notifications, that are being handled and hold memory.")
	boundMetric = prom.Description("max_in_flight",
		"How many requests may be handled at once; the smallest number, if handlers differ.")
)

func init() { prom.Share(collector{}) }

// collector reports the count of the process.
type collector struct{}

// Describe describes the metrics.
func (collector) Describe(described chan<- *prometheus.Desc) {
	described <- takenMetric
	described <- boundMetric
}

// Collect reads the count and the bound.
func (collector) Collect(collected chan<- prometheus.Metric) {
	collected <- prometheus.MustNewConstMetric(takenMetric, prometheus.GaugeValue, float64(Process.Taken()))
	collected <- prometheus.MustNewConstMetric(boundMetric, prometheus.GaugeValue, float64(Process.Bound()))
}
