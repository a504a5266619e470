// Package inflight counts the requests that hold memory, since a process has room for a
// limited number only.
package inflight

import (
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
)

// The numbers from which the default of max_in_flight is derived.
const (
	// processMemory is the memory of the process without calls, in bytes.
	processMemory = 60 << 20
	// callMemory is the memory that each call adds, in bytes: about 0.1 MiB, and as much
	// again for the garbage collector.
	callMemory = 2 << 20 / 10
	// mostInFlight is the default if memory is plentiful, or its limit unknown.
	mostInFlight = 10_000
	// fewestInFlight is the default if there is hardly any memory.
	fewestInFlight = 20
)

// DefaultBound returns how many requests fit into the memory limit of the process:
// GOMEMLIMIT, or what Caddy has derived from the limit of the cgroup (v1 or v2) or from the
// machine's memory.
func DefaultBound() int { return boundWithin(debug.SetMemoryLimit(-1)) }

// boundWithin returns how many requests fit into a memory limit, in bytes.
func boundWithin(memoryLimit int64) int {
	return int(min(max((memoryLimit-processMemory)/callMemory, fewestInFlight), mostInFlight))
}

// Count counts requests, each from before its body is read until it is answered. With a slow
// gateway, they pile up.
type Count struct {
	count atomic.Int64

	mutex  sync.Mutex
	bounds map[any]int // by handler in use
}

// Process counts the requests of the process, since its memory is the scarce resource. Only
// tests replace it.
var Process = New()

// New returns a count of zero.
func New() *Count { return &Count{bounds: make(map[any]int)} }

// Enter takes a place, unless bound places are taken. If it returns true, Leave must be
// called.
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

// Leave gives back a place.
func (c *Count) Leave() { c.count.Add(-1) }

// Taken returns how many places are taken.
func (c *Count) Taken() int { return int(c.count.Load()) }

// SetBound records the bound of a handler, for the metric.
func (c *Count) SetBound(handler any, bound int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.bounds[handler] = bound
}

// RemoveBound removes the bound of a handler.
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

// Collect sends the count and the bound.
func (collector) Collect(collected chan<- prometheus.Metric) {
	collected <- prometheus.MustNewConstMetric(takenMetric, prometheus.GaugeValue, float64(Process.Taken()))
	collected <- prometheus.MustNewConstMetric(boundMetric, prometheus.GaugeValue, float64(Process.Bound()))
}
