package reply

import (
	"net/http"
	"slices"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Whole is the answer as the application gets it if all of it is PayerMax's: the
// body byte for byte, and the signature. What else stands in the header is not
// signed, so none of that passes. Proxy-Status says how the answer was found.
func (a *Answer) Whole(found string) *Answer {
	header := ownHeader(a.ProxyStatus(found))
	if signatures := protocol.Signatures(a.header); len(signatures) > 0 {
		header[protocol.SignHeader] = signatures
	}
	return &Answer{Status: a.passableStatus(), header: header, Body: a.Body}
}

// Rewritten is the answer with a body that is made of it, and nothing else of it
// but the status. Proxy-Status says how the answer was found.
func (a *Answer) Rewritten(found string, body []byte) *Answer {
	return &Answer{Status: a.passableStatus(), header: ownHeader(a.ProxyStatus(found)), Body: body, rewritten: true}
}

// passableStatuses are those that an application can get of a gateway's answer.
// They are not signed, so they are few: each says no more than the code does.
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
