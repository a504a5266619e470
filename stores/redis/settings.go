package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/caddy-payermax/caddy-payermax/internal/setting"
)

const (
	defaultPrefix  = "payermax:"
	defaultTimeout = 500 * time.Millisecond
	// bufferSize is the buffer size of a connection in each direction, in bytes: no message
	// is larger.
	bufferSize = 4 << 10
)

// Settings say where the server is and how to connect to it.
type Settings struct {
	// The server's address, such as `redis.payments.svc:6379`, or several addresses: those of
	// a cluster's nodes, or of the Sentinels. Required. Placeholders are expanded when the
	// config is loaded.
	Addresses []string `json:"addresses,omitempty"`

	// The name by which the Sentinels at the given addresses know the server. Default: none,
	// so that the addresses are those of the servers themselves. Placeholders are expanded
	// when the config is loaded.
	SentinelMaster string `json:"sentinel_master,omitempty"`

	// The path of a file that contains only the password of the Sentinels. It is read when
	// the config is loaded. Default: none. Placeholders are expanded when the config is
	// loaded.
	SentinelPasswordFile string `json:"sentinel_password_file,omitempty"`

	// Whether the server is a cluster although only one address is given, such as that of its
	// configuration endpoint. Several addresses without `sentinel_master` are always a
	// cluster. Default: false.
	Cluster bool `json:"cluster,omitempty"`

	// How to use TLS with the server, and with the Sentinels. Default: no TLS.
	TLS *TLS `json:"tls,omitempty"`

	// The name of the user. Default: the server's default user. Placeholders are expanded
	// when the config is loaded.
	Username string `json:"username,omitempty"`

	// The path of a file that contains only the password. Its line may end in a newline. It
	// is read for each new connection, so that a new password needs no reload. Default: no
	// password. Placeholders are expanded when the config is loaded; the value is a path,
	// never the password itself.
	PasswordFile string `json:"password_file,omitempty"`

	// The prefix of the names of all keys, without braces. Deployments that must not share
	// anything need different prefixes: for example UAT and production, or two sidecars of
	// which one passes notifications on to the other. Default: `payermax:`. Placeholders are
	// expanded when the config is loaded.
	KeyPrefix string `json:"key_prefix,omitempty"`

	// How long one operation may take in total: waiting for a connection, opening it, and the
	// server's answer. If the server is down and connections to it are not refused, a call is
	// delayed by this time, and a notification by up to twice this time. Default: `500ms`.
	Timeout caddy.Duration `json:"timeout,omitempty"`
}

// opened are the settings in the form that the client needs.
type opened struct {
	client          *redis.UniversalOptions
	prefix          string
	files           []string // read again while the store is in use
	passwordInClear bool
}

// place is where the keys are, which distinguishes one store from another.
type place struct {
	addresses              []string
	sentinelMaster, prefix string
}

// place expands the settings that say where the keys are.
func (s *Settings) place(repl *caddy.Replacer) (at place, err error) {
	for _, option := range []setting.Option{
		{Name: "key_prefix", Value: cmp.Or(s.KeyPrefix, defaultPrefix), Target: &at.prefix},
		{Name: "sentinel_master", Value: s.SentinelMaster, Target: &at.sentinelMaster},
	} {
		if err := option.Expand(repl, false); err != nil {
			return place{}, err
		}
	}
	at.addresses, err = setting.ExpandAll("address", s.Addresses, 0, repl)
	return at, err
}

// Identity returns the identity of the server and the key prefix.
func (s *Settings) Identity() string {
	at, err := s.place(caddy.NewReplacer())
	if err != nil {
		return ""
	}
	return fmt.Sprintf("redis %q %q %q", slices.Sorted(slices.Values(at.addresses)), at.sentinelMaster, at.prefix)
}

// open expands the placeholders and checks the settings.
func (s *Settings) open(ctx caddy.Context) (opened, error) {
	var username, passwordFile, sentinelPasswordFile string
	repl := caddy.NewReplacer()
	at, err := s.place(repl)
	if err != nil {
		return opened{}, err
	}
	for _, option := range []setting.Option{
		{Name: "username", Value: s.Username, Target: &username},
		{Name: "password_file", Value: s.PasswordFile, Target: &passwordFile},
		{Name: "sentinel_password_file", Value: s.SentinelPasswordFile, Target: &sentinelPasswordFile},
	} {
		if err := option.Expand(repl, false); err != nil {
			return opened{}, err
		}
	}
	if err := s.check(at, username, passwordFile, sentinelPasswordFile); err != nil {
		return opened{}, err
	}

	timeout := cmp.Or(time.Duration(s.Timeout), defaultTimeout)
	o := opened{prefix: at.prefix, client: &redis.UniversalOptions{
		Addrs: at.addresses, MasterName: at.sentinelMaster, IsClusterMode: s.Cluster,
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
		ContextTimeoutEnabled: true, // one timeout applies to the whole operation
		DialerRetries:         1,
		MaxRetries:            2, // for example, on a connection that the server has closed
		ReadBufferSize:        bufferSize, WriteBufferSize: bufferSize,
		DisableIdentity:          true, // otherwise each connection would begin with one more command
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}}
	if passwordFile != "" {
		if _, err := readPassword(passwordFile); err != nil {
			return opened{}, fmt.Errorf("password_file: %w", err)
		}
		o.files = append(o.files, passwordFile)
		o.client.CredentialsProviderContext = func(context.Context) (string, string, error) {
			password, err := readPassword(passwordFile)
			return username, password, err
		}
	}
	if sentinelPasswordFile != "" {
		if o.client.SentinelPassword, err = readPassword(sentinelPasswordFile); err != nil {
			return opened{}, fmt.Errorf("sentinel_password_file: %w", err)
		}
	}
	if o.client.TLSConfig, err = s.TLS.open(ctx, repl); err != nil {
		return opened{}, fmt.Errorf("tls: %w", err)
	}
	o.files = append(o.files, clientCertificateFiles(o.client.TLSConfig, s.TLS)...)
	o.passwordInClear = passwordFile != "" && s.TLS == nil && !areLocal(at.addresses)
	return o, nil
}

// check checks the expanded settings.
func (s *Settings) check(at place, username, passwordFile, sentinelPasswordFile string) error {
	if len(at.addresses) == 0 {
		return errors.New("address: required; it is the server's host and port, such as 127.0.0.1:6379")
	}
	for _, address := range at.addresses {
		host, port, err := net.SplitHostPort(address)
		if number, notNumber := strconv.ParseUint(port, 10, 16); err != nil || host == "" || notNumber != nil || number == 0 {
			return fmt.Errorf("address: %q is not a host and a port, such as 127.0.0.1:6379; the password has its own option", withoutUser(address))
		}
	}
	switch {
	case username != "" && passwordFile == "":
		return errors.New("username: has no meaning without password_file; set it to the path of the file with that user's password")
	case sentinelPasswordFile != "" && at.sentinelMaster == "":
		return errors.New("sentinel_password_file: has no meaning without sentinel_master; set it to the Sentinels' name for the server")
	case s.Cluster && at.sentinelMaster != "":
		return errors.New("cluster: Sentinels do not watch a cluster; remove cluster or sentinel_master")
	case strings.ContainsAny(at.prefix, "{}"):
		return errors.New("key_prefix: must not contain braces, which a cluster uses to find the node of a key")
	}
	return Options.Check(s)
}

// withoutUser returns the part of an address that an error may show: nothing before an @,
// where URLs contain a password.
func withoutUser(address string) string {
	if i := strings.LastIndex(address, "@"); i >= 0 {
		return "..." + address[i:]
	}
	return address
}

// areLocal reports whether all addresses are on this machine.
func areLocal(addresses []string) bool {
	for _, address := range addresses {
		host, _, _ := net.SplitHostPort(address)
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// clientCertificateFiles returns the files of the client certificate, which are read for each
// connection.
func clientCertificateFiles(config *tls.Config, settings *TLS) []string {
	if config == nil || config.GetClientCertificate == nil {
		return nil
	}
	return []string{settings.certificate, settings.key}
}
