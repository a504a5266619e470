package reply

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// ProxyStatus is the Proxy-Status of an answer that is the gateway's. It says how
// the answer was found.
func (a *Answer) ProxyStatus(found string) string {
	return protocol.SidecarName + "; received-status=" + strconv.Itoa(a.Status) + `; details="` + found + `"`
}

// proxyStatus says that this answer is the sidecar's, and why.
func (f *Refusal) proxyStatus() string {
	received := ""
	if f.Received != 0 {
		received = fmt.Sprintf("; received-status=%d", f.Received)
	}
	return fmt.Sprintf("%s; error=%s%s; details=%q", protocol.SidecarName, f.ProxyError, received, f.Code)
}

// RequestIDHeader tells the application the ID that its request has in the log.
const RequestIDHeader = "Payermax-Request-Id"

// IsOwn reports whether the sidecar sets a field of each answer that the application gets,
// or decides whether the answer has it. The name is in its canonical form.
func IsOwn(field string) bool {
	return ownHeader("")[field] != nil || field == RequestIDHeader || field == "Content-Length" || field == protocol.SignHeader
}

// ownHeader is the header of every answer that the application gets.
func ownHeader(proxyStatus string) http.Header {
	values := [...]string{"application/json", "no-store", proxyStatus} // in one allocation
	return http.Header{
		"Content-Type":  values[0:1:1],
		"Cache-Control": values[1:2:2],
		"Proxy-Status":  values[2:3:3],
	}
}
