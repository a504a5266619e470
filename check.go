package payermax

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
	"github.com/caddy-payermax/caddy-payermax/internal/replay"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// check judges the gateway's answer and returns what the application gets of it.
//
// In shadow mode an answer passes in any case, since it answers a request that
// was not the sidecar's: all but a redirect, which would have the application
// send its request, signature and all, to somebody else.
func (h *Handler) check(c *call, a *reply.Answer) (*reply.Answer, error) {
	if c.answerSign != nil {
		a.Header()[protocol.SignHeader] = c.answerSign
	}
	given, err := h.judge(c, a)
	if refused := reply.AsRefusal(err); refused != nil && refused.Outcome == reply.Unverified {
		c.found = answerUnverified
	}
	h.measure(c, a)
	if h.Shadow && !a.IsRedirect() {
		a.Header().Set("Proxy-Status", a.ProxyStatus(c.found))
		return a, nil
	}
	return given, err
}

// judge decides what passes of an answer: one that is verifiably PayerMax's, and
// to this call, as it is; of one that is not signed and is no success, what is
// safe to be read; of others nothing.
func (h *Handler) judge(c *call, a *reply.Answer) (*reply.Answer, error) {
	if a.IsRedirect() {
		return nil, withheld(a, errors.New("the answer is a redirect"))
	}
	said, err := a.Read(c.route.identifying)
	if err != nil {
		return nil, withheld(a, fmt.Errorf("the answer cannot be read: %w", err))
	}
	c.gatewayCode = said.Code
	if c.found, err = verify(c.keys.Gateway, a); err != nil {
		return nil, withheld(a, err)
	}

	isSigned := c.found == answerVerified
	isUnchecked := c.found == answerUnchecked
	switch {
	case said.IsNotification:
		return nil, withheld(a, errors.New("the answer is a notification"))
	case isSuccess(said.Code) && a.Status != http.StatusOK:
		return nil, withheld(a, errors.New("the answer says "+protocol.CodeApplySuccess+", but not with status 200"))
	case isSuccess(said.Code) && said.HasNoObject:
		return nil, withheld(a, errors.New("the answer says "+protocol.CodeApplySuccess+", but its data is not an object"))
	case isUnchecked && c.isIntermediarys(a, said):
		return nil, byAnIntermediary(a)
	case isSigned, isUnchecked && a.Status == http.StatusOK:
		return h.passWhole(c, a, said)
	default:
		return c.rewrite(a, said)
	}
}

// passWhole passes an answer on byte for byte, if it is this call's.
func (h *Handler) passWhole(c *call, a *reply.Answer, said *envelope.Answer) (*reply.Answer, error) {
	sent := replay.Call{Body: c.body, Identifying: c.route.identifying, Own: c.route.Own}
	if err := sent.Contradiction(said, isSuccess(said.Code)); err != nil {
		return nil, withheld(a, err)
	}
	if c.route.Personal && said.Code == protocol.CodeApplySuccess && !h.given.ToOneUserOnly(a.Body, c.body) {
		return nil, withheld(a, errors.New("the same answer was given to another user before"))
	}
	return a.Whole(c.found), nil
}

// isSuccess reports whether a reader could take the code for APPLY_SUCCESS.
func isSuccess(code string) bool { return lookalike.Fold(code) == successShape }

var successShape = lookalike.Fold(protocol.CodeApplySuccess)

// measure counts an answer of the gateway's. What it says of the time is taken
// from those only that are PayerMax's, as far as that is checked.
func (h *Handler) measure(c *call, a *reply.Answer) {
	processMetrics.answers.WithLabelValues(answerResults[c.found]).Inc()
	processMetrics.answerBytes.WithLabelValues(c.route.Name).Add(float64(len(a.Body)))
	processMetrics.codes.WithLabelValues(c.route.Name, knownCode(c.gatewayCode)).Inc()
	if c.found != answerVerified && c.found != answerUnchecked {
		return
	}
	if c.gatewayCode == protocol.CodeApplySuccess {
		now := time.Now()
		processMetrics.lastSuccess.Store(&now)
	}
	if arrived := c.firstByte.Load(); arrived != nil {
		processMetrics.clock.observe(a.Header(), *arrived, h.logger)
	}
}

// withheld replaces an answer that cannot be trusted. It may come from PayerMax
// all the same, so the application must not take it for a refusal.
func withheld(a *reply.Answer, cause error) *reply.Refusal {
	return &reply.Refusal{
		Code: "CHECK_SIGN_ERROR",
		Msg: "an answer arrived that is not verifiably PayerMax's answer to this call, so it was withheld; " +
			"the outcome is unknown: query it before you send the request again",
		Status: http.StatusBadGateway, ProxyError: "http_protocol_error", Outcome: reply.Unverified,
		Received: a.Status, Cause: cause,
	}
}
