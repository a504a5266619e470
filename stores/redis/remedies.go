package redis

import (
	"context"
	"errors"
	"strings"
)

// explained is an error of the server, or of the connection to it, with the option that it
// concerns and what to do.
type explained struct {
	remedy string
	cause  error
}

// Error ends with the first sentence of the cause. The rest of the cause contains hashes of
// scripts and keys, or the server's own advice.
func (e *explained) Error() string {
	cause, _, _ := strings.Cut(e.cause.Error(), ". ")
	return e.remedy + ": " + strings.TrimSuffix(cause, ".")
}

// Unwrap returns the cause.
func (e *explained) Unwrap() error { return e.cause }

// remedy is what to do about an error whose text contains sign.
type remedy struct{ sign, text string }

const (
	notSentinel = "address: the server is not a Sentinel, which sentinel_master requires; correct the host and port"
	notRedis    = "address: the server is not Redis; correct the host and port"
)

// remedies are those that do not depend on TLS. The first that matches applies.
var remedies = []remedy{
	{"sentinels specified in configuration are unreachable: redis: nil",
		"sentinel_master: the Sentinels watch no server with that name; use the name in their sentinel monitor line"},
	{"ERR unknown command 'sentinel'",
		"address: this is a server, but sentinel_master requires the addresses of the Sentinels; name those, or remove sentinel_master"},
	{"sentinels specified in configuration are unreachable: NOAUTH",
		"sentinel_password_file: the Sentinels require a password; name the file that contains it"},
	{"sentinels specified in configuration are unreachable: WRONGPASS",
		"sentinel_password_file: the Sentinels do not accept this password; correct the file, and load the config again"},
	{"ERR unknown command 'eval",
		"address: this server runs no scripts; if it is a Sentinel, name the server that it watches in sentinel_master; otherwise allow EVAL and EVALSHA"},
	{"READONLY", "address: the server is a replica, which accepts no writes; name its primary, or the Sentinels and sentinel_master"},
	{"MASTERDOWN", "address: the server is a replica that has lost its primary; name the primary, or the Sentinels and sentinel_master"},
	{"NOREPLICAS", "address: the server accepts no writes until it has the replicas that its min-replicas-to-write requires; start them, or lower that setting"},
	{"NOAUTH", "password_file: the server requires a password; name the file that contains it"},
	{"WRONGPASS", "password_file: the server does not accept this password for username, or for its default user; correct the file, which needs no reload"},
	{"NOPERM", "username: the server does not allow this user the commands of the store, or not for keys with this key_prefix; grant the permissions that the README of stores/redis lists"},
	{"DENIED", "address: the server is in protected mode, in which it serves only its own machine; give it a user or a password, and name the file in password_file"},
	{"OOM ", "address: the server's memory is full; raise its maxmemory, and leave its maxmemory-policy at noeviction"},
	{"MISCONF", "address: the server cannot save its data, and accepts no writes until it can; check its disk"},
	{"LOADING", "address: the server is still loading its data; wait until it is done"},
	{"max number of clients", "address: the server has reached its maxclients; raise it"},
	{"ERR This instance has cluster support disabled",
		"address: the server is not a node of a cluster; name one server, without cluster, or the Sentinels and sentinel_master"},
	{"MOVED ", "cluster: the server is a node of a cluster; write cluster"},
	{"CLUSTERDOWN", "cluster: the cluster has no node for some of the keys; repair it"},
	{"certificate required", "tls: the server requires a client certificate; name it in client_certificate"},
	{"bad certificate", "tls: the server does not accept the certificate of client_certificate; use one from an authority that it trusts"},
	{"certificate signed by unknown authority", "tls: the server's certificate was issued by an authority that is not trusted here; name its authority in trust_pool"},
	{"x509:", "tls: the server's certificate is not valid; renew it, or correct server_name or trust_pool"},
	{"tls: first record does not look like a TLS handshake", "tls: the server does not speak TLS at this address; remove tls, or use its TLS port"},
	{"no such host", "address: there is no host with this name; correct it"},
	{"connection refused", "address: nothing listens there; start the server, or correct the host and port"},
	{"sentinels specified in configuration are unreachable: redis: can't parse", notSentinel},
	{"sentinels specified in configuration are unreachable: redis: invalid", notSentinel},
	{"redis: can't parse", notRedis},
	{"redis: invalid", notRedis},
}

// Remedies that depend on whether TLS is configured: a server does not answer a client that
// uses TLS when it should not, or the reverse.
var (
	closedWithTLS    = "address: the server closes connections without an answer; if it does not speak TLS on this port, remove tls or use another port"
	closedWithoutTLS = "address: the server closes connections without an answer; if it expects TLS on this port, write tls or use another port"
	silentWithTLS    = "timeout: there is no answer within that time; if the server does not speak TLS on this port, remove tls or use another port"
	silentWithoutTLS = "timeout: there is no answer within that time; check the server and the connection to it, or raise timeout"
)

// explain adds what to do about an error, if that is known.
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
