package payermax

import (
	"net/http"

	"go.uber.org/zap"

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

// noticeSandbox remembers that a sandbox has answered the call, and warns of the
// handler's first one.
func (h *Handler) noticeSandbox(c *call, header http.Header) {
	if c.sandbox || !isSandboxAnswer(header) {
		return
	}
	c.sandbox = true
	if h.gateway.NoteSandbox() {
		h.logger.Warn("the gateway calls itself a sandbox, so no call reaches PayerMax", zap.String("request_id", c.id))
	}
}

// markSandbox marks an answer to a call that a sandbox answers.
func markSandbox(header http.Header) {
	header.Set("Proxy-Status", header.Get("Proxy-Status")+sandboxMark)
}
