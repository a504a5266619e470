package command

import (
	"cmp"
	"net"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// reach is who can get at Caddy's admin endpoint.
type reach int

const (
	reachedByNobody  reach = iota // it is off
	reachedByOwner                // a Unix socket of the sidecar's user, and so of root
	reachedByMachine              // every process, or every one that a socket's mode lets in
	reachedByNetwork
)

// describeAdmin says who can get at the config's admin endpoint, if that is more
// than the sidecar itself.
func (c configTree) describeAdmin(name string) []doctor.Result {
	const (
		check = "admin"
		could = "can make Caddy read the key files and can replace the sidecar's configuration"
		next  = "write admin off in the global options, or give it a Unix socket that only root can open"
	)
	switch c.adminReach() {
	case reachedByNetwork:
		return []doctor.Result{found(name, check, doctor.Problem, "Caddy's admin endpoint is open to other machines, which "+could, next)}
	case reachedByMachine:
		return []doctor.Result{found(name, check, doctor.Warning, "Caddy's admin endpoint is on, so every process that can reach it "+could, next)}
	}
	return nil
}

// adminReach returns who can get at the config's admin endpoint.
func (c configTree) adminReach() reach {
	if c.at("admin", "disabled") == true {
		return reachedByNobody
	}
	listen, _ := c.at("admin", "listen").(string)
	listen = cmp.Or(caddy.NewReplacer().ReplaceKnown(listen, ""), caddy.DefaultAdminListen)
	address, err := caddy.ParseNetworkAddress(listen)
	switch {
	case err != nil || address.IsFdNetwork():
		return reachedByMachine
	case address.IsUnixNetwork():
		return socketReach(address.Host)
	}
	if host, _, _ := net.SplitHostPort(address.JoinHostPort(0)); !protocol.IsLoopback(host) {
		return reachedByNetwork
	}
	return reachedByMachine
}

// socketReach returns who can get at a Unix socket. Caddy gives it the mode after
// the path, or 0200; an abstract socket, which is not in the file system, has no mode.
func socketReach(path string) reach {
	const othersWrite = 0o022
	_, mode, hasMode := strings.Cut(path, "|")
	bits, err := strconv.ParseUint(mode, 8, 32)
	switch {
	case strings.HasPrefix(path, "@"):
		return reachedByMachine
	case hasMode && (err != nil || bits&othersWrite != 0):
		return reachedByMachine
	}
	return reachedByOwner
}
