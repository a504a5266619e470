package layout

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// PlainUpstream returns an upstream on another machine to which the transport for signed
// calls would have to send in plain text, or "". The transport refuses that. An upstream that
// is only known during a call is left to the transport.
func (h Handler) PlainUpstream() string {
	for _, proxy := range proxiesIn(h.after) {
		if !Pins(proxy) {
			continue
		}
		for _, dial := range dialsOf(proxy) {
			if isPlainAbroad(dial, objectOf(proxy["transport"])) {
				return dial
			}
		}
	}
	return ""
}

// isPlainAbroad reports whether it is certain that a transport would send to an upstream
// without TLS, and that the upstream is on another machine.
func isPlainAbroad(dial string, transport object) bool {
	to, err := caddy.ParseNetworkAddress(dial)
	if err != nil || strings.Contains(dial, "{") || to.IsUnixNetwork() || protocol.IsLoopback(to.Host) {
		return false
	}
	tls, isTLS := transport["tls"].(object)
	return !isTLS || slices.Contains(Texts(tls["except_ports"]), strconv.FormatUint(uint64(to.StartPort), 10))
}
