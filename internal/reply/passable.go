package reply

import (
	"net/http"
	"slices"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Whole returns the answer for the application if all of it is PayerMax's: the body byte for
// byte, and the signature. The rest of the header is not signed, so none of it passes. found
// says in Proxy-Status what the check has found.
func (a *Answer) Whole(found string) *Answer {
	header := ownHeader(a.ProxyStatus(found))
	if signatures := protocol.Signatures(a.header); len(signatures) > 0 {
		header[protocol.SignHeader] = signatures
	}
	return &Answer{Status: a.passableStatus(), header: header, Body: a.Body}
}

// Rewritten returns the answer with a body that was made from it, and nothing else of it but
// the status. found says in Proxy-Status what the check has found.
func (a *Answer) Rewritten(found string, body []byte) *Answer {
	return &Answer{Status: a.passableStatus(), header: ownHeader(a.ProxyStatus(found)), Body: body, rewritten: true}
}

// passableStatuses are the statuses of a gateway's answer that can reach the application.
// They are not signed, so they are few: none says more than the code does.
var passableStatuses = []int{
	http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
	http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
	http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// passableStatus returns the status for the application.
func (a *Answer) passableStatus() int {
	if slices.Contains(passableStatuses, a.Status) {
		return a.Status
	}
	return http.StatusBadGateway
}
