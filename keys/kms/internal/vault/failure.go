package vault

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Failure is an error response of the server. It says what was requested, what the
// response means and what to do. The server's own words are inspected but never repeated,
// since they may quote what was sent.
type Failure struct {
	// Operation is what was requested, such as "reading the transit key".
	Operation string

	// Status is the answer's HTTP status.
	Status int

	// Reason is what the status means and what to do about it.
	Reason string
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s: %s (HTTP status %d)", f.Operation, f.Reason, f.Status)
}

// IsDenied reports whether the server did not accept the token, or does not allow it to
// make this request. The server does not say which of the two.
func IsDenied(err error) bool {
	failure, ok := errors.AsType[*Failure](err)
	return ok && (failure.Status == http.StatusForbidden || failure.Status == http.StatusUnauthorized)
}

// IsRefused reports whether the server understood the request but refused it, so that
// repeating the request would be of no use.
func IsRefused(err error) bool {
	failure, ok := errors.AsType[*Failure](err)
	return ok && failure.Status >= 400 && failure.Status < 500 && failure.Status != http.StatusTooManyRequests
}

// hints are the texts for two kinds of failure whose meaning depends on the operation.
type hints struct {
	denied  string
	missing string
}

// failed returns the Failure for an error response.
func failed(operation string, status int, body []byte, h hints) *Failure {
	return &Failure{Operation: operation, Status: status, Reason: reason(status, strings.ToLower(string(body)), h)}
}

func reason(status int, body string, h hints) string {
	switch {
	case status >= 300 && status < 400:
		return "the server redirects to another address, to which the token must not be sent; if it is a standby, set the address to the active node or to the load balancer, or turn request forwarding on"
	case strings.Contains(body, "sealed"):
		return "the server is sealed; unseal it"
	case strings.Contains(body, "not active"):
		return "this node is a standby and finds no active node; check the cluster's health"
	case strings.Contains(body, "signing key not found"):
		return h.missing
	case strings.Contains(body, "requested version for signing"):
		return "this version of the key may not sign; look at the key's latest_version and min_encryption_version"
	}
	switch status {
	case http.StatusBadRequest:
		return "the server refuses the request; its audit log says why"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "permission denied: " + h.denied
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return h.missing
	case http.StatusTooManyRequests:
		return "the server limits the rate of requests; raise the quota"
	case http.StatusServiceUnavailable:
		return "the server is sealed, in maintenance or has no active node"
	}
	if status >= 500 {
		return "the server has failed; its log says why"
	}
	return "the server answered with a status that this operation does not have; check that the address is that of Vault or OpenBao"
}
