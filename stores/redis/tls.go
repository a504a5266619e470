package redis

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/caddy-payermax/caddy-payermax/internal/setting"
)

// TLS says how to use TLS with the server.
type TLS struct {
	// The authorities that may have issued the server's certificate, as a Caddy module in the
	// namespace `tls.ca_pool.source`, such as `file`. It is loaded with the config. Default:
	// the system's authorities.
	TrustPoolRaw json.RawMessage `json:"trust_pool,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	// The name that the server's certificate must have. Default: the host of the address.
	// Placeholders are expanded when the config is loaded.
	ServerName string `json:"server_name,omitempty"`

	// The path of the file with the certificate that identifies this client, in PEM. It
	// is read for each new connection. Default: none. Placeholders are expanded when the
	// config is loaded.
	Certificate string `json:"certificate,omitempty"`

	// The path of the file with the key of that certificate, in PEM. Placeholders are
	// expanded when the config is loaded.
	Key string `json:"key,omitempty"`

	certificate, key string // expanded
}

// open returns the TLS configuration, or nil without TLS.
func (t *TLS) open(ctx caddy.Context, repl *caddy.Replacer) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	for _, option := range []setting.Option{
		{Name: "server_name", Value: t.ServerName, Target: &config.ServerName},
		{Name: "client_certificate", Value: t.Certificate, Target: &t.certificate},
		{Name: "client_certificate", Value: t.Key, Target: &t.key},
	} {
		if err := option.Expand(repl, false); err != nil {
			return nil, err
		}
	}
	if t.TrustPoolRaw != nil {
		module, err := ctx.LoadModule(t, "TrustPoolRaw")
		if err != nil {
			return nil, fmt.Errorf("trust_pool: %w", err)
		}
		pool, ok := module.(caddytls.CA)
		if !ok {
			return nil, fmt.Errorf("trust_pool: module %T is not a source of authorities", module)
		}
		config.RootCAs = pool.CertPool()
	}
	if (t.certificate == "") != (t.key == "") {
		return nil, errors.New("client_certificate: needs the path of the certificate and that of its key")
	}
	if t.certificate != "" {
		if _, err := t.read(); err != nil {
			return nil, fmt.Errorf("client_certificate: %w", err)
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.read() }
	}
	return config, nil
}

// read reads the certificate and its key.
func (t *TLS) read() (*tls.Certificate, error) {
	certificate, err := readSecret(t.certificate)
	if err != nil {
		return nil, err
	}
	key, err := readSecret(t.key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", t.certificate, t.key, err)
	}
	return &pair, nil
}
