package payermax

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// How an answer was found, as Proxy-Status tells the application.
const (
	answerVerified  = "answer verified"
	answerUnsigned  = "answer not signed"
	answerUnchecked = "answer not checked"
	// answerUnverified is withheld, except in shadow mode.
	answerUnverified = "answer not verifiable"
)

// answerResults are the metric's labels for them.
var answerResults = map[string]string{
	answerVerified:   "verified",
	answerUnsigned:   "unsigned",
	answerUnchecked:  "unchecked",
	answerUnverified: "unverified",
}

// check lets the gateway's answer pass if it can be trusted, and marks it. In
// shadow mode it passes in any case, since it answers a request that was not
// the sidecar's.
func (h *Handler) check(c *call, a *answer) error {
	if c.answerSign != nil {
		a.header["Sign"] = c.answerSign
	}
	if code, err := answerCode(a); err == nil {
		c.gatewayCode = code
	}
	c.found = answerUnchecked
	var err error
	if c.keys != nil && len(c.keys.gateway) > 0 {
		if c.found, err = verify(c.keys.gateway, a); err != nil {
			c.found = answerUnverified
		}
	}
	h.measure(c, a)
	if err != nil && !h.Shadow {
		return unverified(err)
	}
	a.header.Set("Proxy-Status", proxyName+"; received-status="+strconv.Itoa(a.status)+`; details="`+c.found+`"`)
	return nil
}

// measure counts an answer of the gateway's, and reads its clock.
func (h *Handler) measure(c *call, a *answer) {
	processMetrics.answers.WithLabelValues(answerResults[c.found]).Inc()
	processMetrics.answerBytes.WithLabelValues(c.route.name).Add(float64(len(a.body)))
	processMetrics.codes.WithLabelValues(c.route.name, knownCode(c.gatewayCode)).Inc()
	if c.gatewayCode == applySuccess && c.found != answerUnverified {
		now := time.Now()
		processMetrics.lastSuccess.Store(&now)
	}
	if arrived := c.firstByte.Load(); arrived != nil {
		processMetrics.clock.observe(a.header, *arrived, h.logger)
	}
}

// verify checks the signature over the raw bytes of the answer, which may be by
// any of the keys.
//
// PayerMax's own SDKs verify answers of code APPLY_SUCCESS, and it is documented
// nowhere whether the others are signed. So a signature that is there must be
// right, and it may be missing only where the answer cannot be taken for a
// success.
func verify(keys []*rsa.PublicKey, a *answer) (found string, err error) {
	switch signatures := a.header["Sign"]; len(signatures) {
	case 0:
		code, err := answerCode(a)
		if err != nil {
			return "", fmt.Errorf("the answer is not signed, and %w", err)
		}
		// An application that compares loosely must not be deceived either.
		if strings.EqualFold(strings.TrimSpace(code), applySuccess) {
			return "", errors.New("the answer says " + applySuccess + " but is not signed")
		}
		return answerUnsigned, nil
	case 1:
		var err error
		for _, key := range keys {
			if err = signer.Verify(key, a.body, signatures[0]); err == nil {
				return answerVerified, nil
			}
		}
		return "", fmt.Errorf("verifying the answer's signature: %w", err)
	default:
		return "", fmt.Errorf("the answer has %d signatures", len(signatures))
	}
}

// answerCode returns the code of an answer, which must be plain JSON.
func answerCode(a *answer) (string, error) {
	if coding := a.header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return "", errors.New("it has a content coding")
	}
	return envelope.Code(a.body)
}

// unverified replaces an answer that cannot be trusted. It may come from
// PayerMax all the same, so the application must not take it for a refusal.
func unverified(err error) *refusal {
	return &refusal{
		Code: "CHECK_SIGN_ERROR",
		Msg: "an answer arrived that PayerMax did not verifiably sign, so it was withheld; " +
			"the outcome is unknown: query it before you send the request again",
		status: http.StatusBadGateway, proxyError: "http_protocol_error", outcome: outcomeUnverified, cause: err,
	}
}
