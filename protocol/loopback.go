package protocol

import (
	"net/netip"
	"strings"
)

// IsLoopback reports whether a host, without a port, is this machine. PayerMax accepts https
// only; plain http is allowed for this machine.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
