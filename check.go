package payermax

import (
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// check verifies the gateway's answer and returns the exchange, with what the application
// gets.
//
// In shadow mode, every answer is passed on, since it answers the application's own
// request. The exception is a redirect: it would make the application send its request,
// including the signature, to another server.
func (h *Handler) check(c *call, d *delivery.Delivery, a *reply.Answer) (exchange, error) {
	x := exchangeBy(d)
	x.fromSandbox = h.noticeSandbox(c, a.Header())
	var err error
	x.Verdict, x.answer, err = h.judge.Decide(a, verdict.Question{
		Endpoint: c.route.Endpoint, Identifying: c.route.identifying, Body: x.Body, Keys: c.keys.Gateway, Budgeted: c.budgeted,
	})
	h.measure(c.route.Name, x, d.Arrived(), a)
	if h.Shadow && !a.IsRedirect() {
		a.Header().Set("Proxy-Status", a.ProxyStatus(string(x.Finding)))
		x.answer, err = a, nil
	}
	return x, err
}

// measure counts an answer of the gateway. It compares the gateway's clock with this
// machine's, but not by an answer that is withheld or that should be signed and is not,
// since anybody could have written that one.
func (h *Handler) measure(endpoint string, x exchange, arrived time.Time, a *reply.Answer) {
	processMetrics.answers.WithLabelValues(x.Finding.Label()).Inc()
	processMetrics.answerBytes.WithLabelValues(endpoint).Add(float64(len(a.Body)))
	processMetrics.codes.WithLabelValues(endpoint, knownCode(x.Code)).Inc()
	if x.answer == nil || x.Finding == verdict.Unsigned {
		return
	}
	if x.Code == protocol.CodeApplySuccess {
		h.gateway.NoteSuccess()
	}
	h.gateway.ObserveClock(a.Header(), arrived, h.logger)
}
