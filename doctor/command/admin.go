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

// reach says who can reach Caddy's admin endpoint.
type reach int

const (
	reachedByNobody  reach = iota // the endpoint is off
	reachedByOwner                // a Unix socket that only the sidecar's user and root can open
	reachedByMachine              // every process on this machine, or every one that a socket's mode admits
	reachedByNetwork
)

// describeAdmin reports who can reach the config's admin endpoint, if not only the
// sidecar itself can.
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

// adminReach returns who can reach the config's admin endpoint.
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

// socketReach returns who can reach a Unix socket. Its mode is the one after the path, by
// default 0200; an abstract socket, which is not in the file system, has no mode.
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
