package payermax

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/sandbox"
)

// The answers of a sandbox are those of PayerMax, signature included, but for
// the money. So they are marked wherever somebody might look: in Proxy-Status,
// in the log, in the health answer and in a metric.

// sandboxMark is the parameter of Proxy-Status, a Boolean of RFC 8941, that says
// that the answer is a sandbox's.
const sandboxMark = "; sandbox"

// isSandboxAnswer reports whether the gateway that answered is a sandbox in
// another process or site. Only a sandbox says so of itself.
func isSandboxAnswer(header http.Header) bool {
	return header.Get("Server") == sandbox.ServerName
}

// noticeSandbox reports whether another sandbox has answered the call, and warns of the
// handler's first one.
func (h *Handler) noticeSandbox(c *call, header http.Header) bool {
	if h.Sandbox || !isSandboxAnswer(header) {
		return false
	}
	if !h.sandboxAnswers.Swap(true) {
		h.logger.Warn("the gateway calls itself a sandbox, so no call reaches PayerMax", zap.String("request_id", c.id))
	}
	return true
}

// markSandbox marks an answer to a call that a sandbox answers.
func markSandbox(header http.Header) {
	header.Set("Proxy-Status", header.Get("Proxy-Status")+sandboxMark)
}

var sandboxGauge = prom.Description("sandbox",
	"Whether a sandbox stands in PayerMax's place, so that no money moves: 1 if it answers a handler's calls or is a site here, else 0.")

// sandboxCollector knows of all handlers that are in use whether a sandbox
// answers there. It asks them when it is asked, so that a sandbox does not
// outlive its config.
type sandboxCollector struct {
	mutex    sync.Mutex
	handlers map[*atomic.Bool]struct{}
}

// add makes a handler known by what says whether a sandbox answers there.
func (c *sandboxCollector) add(answers *atomic.Bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.handlers[answers] = struct{}{}
}

// remove forgets a handler.
func (c *sandboxCollector) remove(answers *atomic.Bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.handlers, answers)
}

// isAnswering reports whether a sandbox answers anywhere.
func (c *sandboxCollector) isAnswering() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for answers := range c.handlers {
		if answers.Load() {
			return true
		}
	}
	return false
}

// Describe describes the metric.
func (*sandboxCollector) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- sandboxGauge }

// Collect sends the metric.
func (c *sandboxCollector) Collect(collected chan<- prometheus.Metric) {
	value := 0.0
	if c.isAnswering() {
		value = 1
	}
	collected <- prometheus.MustNewConstMetric(sandboxGauge, prometheus.GaugeValue, value)
}
