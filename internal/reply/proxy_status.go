package reply

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// ProxyStatus returns the Proxy-Status of an answer from the gateway. found says what the
// check has found.
func (a *Answer) ProxyStatus(found string) string {
	return protocol.SidecarName + "; received-status=" + strconv.Itoa(a.Status) + `; details="` + found + `"`
}

// proxyStatus returns the Proxy-Status that says that this answer is the sidecar's, and why.
func (f *Refusal) proxyStatus() string {
	received := ""
	if f.Received != 0 {
		received = fmt.Sprintf("; received-status=%d", f.Received)
	}
	return fmt.Sprintf("%s; error=%s%s; details=%q", protocol.SidecarName, f.ProxyError, received, f.Code)
}

// RequestIDHeader is the response header with the ID that the request has in the log.
const RequestIDHeader = "Payermax-Request-Id"

// IsOwn reports whether the sidecar sets this field in every answer to the application, or
// decides whether the answer has it. field is in canonical form.
func IsOwn(field string) bool {
	return ownHeader("")[field] != nil || field == RequestIDHeader || field == "Content-Length" || field == protocol.SignHeader
}

// ownHeader returns the header of every answer to the application.
func ownHeader(proxyStatus string) http.Header {
	values := [...]string{"application/json", "no-store", proxyStatus} // in one allocation
	return http.Header{
		"Content-Type":  values[0:1:1],
		"Cache-Control": values[1:2:2],
		"Proxy-Status":  values[2:3:3],
	}
}
