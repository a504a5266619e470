package redis

import (
	"context"
	"errors"
	"strings"
)

// explained is an error of the server, or of the way to it, with the option that it is
// about and what to do.
type explained struct {
	remedy string
	cause  error
}

// Error ends with the first sentence of the cause: what follows it are hashes of scripts
// and keys, or the server's own advice.
func (e *explained) Error() string {
	cause, _, _ := strings.Cut(e.cause.Error(), ". ")
	return e.remedy + ": " + strings.TrimSuffix(cause, ".")
}

// Unwrap returns the cause.
func (e *explained) Unwrap() error { return e.cause }

// remedy is what to do about an error whose text has the sign in it.
type remedy struct{ sign, text string }

const (
	notSentinel = "address: whatever listens there is not a Sentinel, as it must be with sentinel_master; correct the host and port"
	notRedis    = "address: whatever listens there is not Redis; correct the host and port"
)

// remedies are those that hold however the server is reached. The first that fits is it.
var remedies = []remedy{
	{"sentinels specified in configuration are unreachable: redis: nil",
		"sentinel_master: the Sentinels watch no server of that name; give the name that stands in their sentinel monitor"},
	{"ERR unknown command 'sentinel'",
		"address: this is a server, and with sentinel_master it must be the Sentinels'; name those, or remove sentinel_master"},
	{"sentinels specified in configuration are unreachable: NOAUTH",
		"sentinel_password_file: the Sentinels ask for a password; name the file that has it"},
	{"sentinels specified in configuration are unreachable: WRONGPASS",
		"sentinel_password_file: the Sentinels do not take this password; write theirs into the file, and load the config again"},
	{"ERR unknown command 'eval",
		"address: this server runs no scripts; if it is a Sentinel, name the server that it watches in sentinel_master, and else allow EVAL and EVALSHA"},
	{"READONLY", "address: the server is a replica, which takes no writes; name the server that it follows, or the Sentinels and sentinel_master"},
	{"MASTERDOWN", "address: the server is a replica that has lost the server it follows; name that, or the Sentinels and sentinel_master"},
	{"NOREPLICAS", "address: the server takes no writes until it has as many replicas as its min-replicas-to-write says; start them, or lower that"},
	{"NOAUTH", "password_file: the server asks for a password; name the file that has it"},
	{"WRONGPASS", "password_file: the server does not take this password of username, or of its default user; write the right one into the file, which needs no reload"},
	{"NOPERM", "username: the server does not let this user do what the store does, or not with keys of this key_prefix; give it the permissions that the README of stores/redis lists"},
	{"DENIED", "address: the server is in protected mode, in which it serves nobody but its own machine; give it a user or a password, and name the file in password_file"},
	{"OOM ", "address: the server's memory is full; raise its maxmemory, and leave its maxmemory-policy at noeviction"},
	{"MISCONF", "address: the server cannot save what it has, and takes no writes until it can; see to its disk"},
	{"LOADING", "address: the server is still reading what it has saved; wait until it has"},
	{"max number of clients", "address: the server has as many clients as its maxclients allows; raise that"},
	{"ERR This instance has cluster support disabled",
		"address: the server is not a node of a cluster; name one server, without cluster, or the Sentinels and sentinel_master"},
	{"MOVED ", "cluster: the server is a node of a cluster; write cluster"},
	{"CLUSTERDOWN", "cluster: the cluster has no node for some of the keys; repair it"},
	{"certificate required", "tls: the server asks for a certificate; name it in client_certificate"},
	{"bad certificate", "tls: the server does not take the certificate of client_certificate; give one of an authority that it trusts"},
	{"certificate signed by unknown authority", "tls: the server's certificate is not of an authority that is trusted here; name its authority in trust_pool"},
	{"x509:", "tls: the server's certificate is not valid here; renew it, or correct server_name or trust_pool"},
	{"tls: first record does not look like a TLS handshake", "tls: the server does not speak TLS at this address; remove tls, or give the port where it does"},
	{"no such host", "address: there is no host with this name; correct it"},
	{"connection refused", "address: nothing listens there; start the server, or correct the host and port"},
	{"sentinels specified in configuration are unreachable: redis: can't parse", notSentinel},
	{"sentinels specified in configuration are unreachable: redis: invalid", notSentinel},
	{"redis: can't parse", notRedis},
	{"redis: invalid", notRedis},
}

// Remedies that depend on whether TLS is configured: Redis says nothing to a client that
// speaks the wrong one of the two.
var (
	closedWithTLS    = "address: the server closes connections without an answer; if it does not speak TLS at this port, remove tls or give another port"
	closedWithoutTLS = "address: the server closes connections without an answer; if it expects TLS at this port, write tls or give another port"
	silentWithTLS    = "timeout: there is no answer within that time; if the server does not speak TLS at this port, remove tls or give another port"
	silentWithoutTLS = "timeout: there is no answer within that time; see to the server and the way to it, or raise timeout"
)

// explain says what to do about an error, if that is known.
func explain(err error, withTLS bool) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, r := range remedies {
		if strings.Contains(text, r.sign) {
			return &explained{r.text, err}
		}
	}
	isSilent := errors.Is(err, context.DeadlineExceeded) || strings.Contains(text, "timeout")
	isClosed := strings.HasSuffix(text, "EOF") || strings.Contains(text, "connection reset") || strings.Contains(text, "broken pipe")
	switch {
	case isSilent && withTLS:
		return &explained{silentWithTLS, err}
	case isSilent:
		return &explained{silentWithoutTLS, err}
	case isClosed && withTLS:
		return &explained{closedWithTLS, err}
	case isClosed:
		return &explained{closedWithoutTLS, err}
	}
	return err
}
