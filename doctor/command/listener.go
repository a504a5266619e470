package command

import (
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// describeListener reports who can reach a handler that signs, unless only this machine can.
func (f foundHandler) describeListener(s *Signing) []doctor.Result {
	const check, open = "listener", "it listens on addresses other than loopback"
	addresses := addressesOf(f.listen)
	given := slices.IndexFunc(addresses, caddy.NetworkAddress.IsFdNetwork)
	switch {
	case slices.ContainsFunc(addresses, isOpen):
	case given >= 0:
		return []doctor.Result{found("", check, doctor.NotChecked, "another program, such as systemd, opens the socket "+addresses[given].String()+" and decides who can reach it",
			"have that program open 127.0.0.1 or a Unix socket, such as with ListenStream")}
	default:
		return nil
	}
	switch {
	case f.place.AsksForCertificate():
		return []doctor.Result{found("", check, doctor.OK, open+", and admits only callers with a client certificate", "")}
	case f.place.AsksForPassword(s.Paths) && f.place.OverTLS:
		return []doctor.Result{found("", check, doctor.OK, open+", and admits only callers who authenticate", "")}
	case f.place.AsksForPassword(s.Paths):
		return []doctor.Result{found("", check, doctor.Warning, open+" without TLS, so others on the network may read the passwords of callers and have calls signed",
			"bind 127.0.0.1, or name a certificate with tls")}
	case f.place.Chooses(s.Paths), s.IdentifiesCallers:
		return []doctor.Result{found("", check, doctor.NotChecked, open+", and the config chooses whose calls are signed, by caller_id, a matcher or forward_auth",
			"try a call from another machine that must not be signed")}
	}
	return []doctor.Result{found("", check, doctor.Warning, open+", so anyone who reaches the port can have calls signed",
		"bind 127.0.0.1, or make sure that only the application can reach the port")}
}

// isOpen reports whether other machines can reach an address.
func isOpen(address caddy.NetworkAddress) bool {
	return !address.IsUnixNetwork() && !address.IsFdNetwork() && !protocol.IsLoopback(address.Host)
}
