// Package vault is a client of the parts of Vault's HTTP API that signing needs:
// the transit engine, the Kubernetes login and the renewal of tokens.
//
// It uses net/http and the documented API rather than an official client library, for
// three reasons. The six requests that it makes are the same for HashiCorp Vault and
// OpenBao, which have separate libraries. Each library brings more than a dozen modules,
// a retry policy, and environment variables that redirect it (VAULT_ADDR,
// VAULT_SKIP_VERIFY and others), none of which should influence a payment. And both
// libraries repeat the server's words in their errors.
//
// No error of this package repeats a token, a JWT or the server's own words.
package vault

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// maxAnswer is the largest answer, in bytes. It is ample for a transit key with
	// hundreds of versions.
	maxAnswer = 1 << 20

	// maxFailure is how many bytes of an error response are read.
	maxFailure = 16 << 10

	dialTimeout = 5 * time.Second
	idleTimeout = 30 * time.Second
)

// Options configure a [Client].
type Options struct {
	// Address is the address of the server, as [ParseAddress] returns it.
	Address *url.URL

	// Namespace is the namespace that all paths are relative to; empty for the
	// root namespace.
	Namespace string

	// RootCAs are the authorities that are trusted for the server's certificate; nil for
	// the system's.
	RootCAs *x509.CertPool

	// Timeout is how long one request may take, if its context does not end
	// earlier.
	Timeout time.Duration

	// MaxConns is the maximum number of open connections.
	MaxConns int

	// Transport replaces the network, in tests.
	Transport http.RoundTripper
}

// Client sends requests to one server. It is safe for concurrent use.
type Client struct {
	address   *url.URL
	namespace string
	timeout   time.Duration
	http      http.Client
	closed    atomic.Bool
}

// NewClient returns a client. It sends nothing yet.
func NewClient(o Options) *Client {
	c := &Client{address: o.Address, namespace: o.Namespace, timeout: o.Timeout}
	c.http.Transport = o.Transport
	if c.http.Transport == nil {
		c.http.Transport = newTransport(o)
	}
	// Redirects are not followed: the token would be sent to wherever the answer says.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// newTransport returns a transport that connects only to the address itself. It uses no
// proxy, since an environment variable must not decide who sees tokens.
func newTransport(o Options) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        o.MaxConns,
		MaxIdleConnsPerHost:    o.MaxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// Close closes idle connections; the others are closed after their request. Requests can
// still be sent, because payments that began before the config was replaced still need
// their signatures.
func (c *Client) Close() {
	c.closed.Store(true)
	c.http.CloseIdleConnections()
}

// request is one request to the API.
type request struct {
	operation string // for errors, such as "reading the transit key"
	method    string
	path      string // below /v1/; its parts are checked when the config is loaded
	token     Secret
	body      any
	hints     hints

	// repeatable says that net/http may send the request again if the connection breaks,
	// as it does for GET requests.
	repeatable bool
}

// do sends a request and decodes its JSON answer into answer.
func (c *Client) do(ctx context.Context, r request, answer any) error {
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	out, err := c.build(ctx, r)
	if err != nil {
		return fmt.Errorf("%s: %w", r.operation, err)
	}
	response, err := c.http.Do(out)
	if err != nil {
		// The address is in the config, so only the cause is reported.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return fmt.Errorf("%s: calling the server: %w", r.operation, err)
	}
	defer response.Body.Close()

	if response.StatusCode != http.StatusOK {
		// A body that cannot be read is ignored: the status is enough.
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxFailure))
		return failed(r.operation, response.StatusCode, body, r.hints)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: reading the answer: %w", r.operation, err)
	case len(body) > maxAnswer:
		return fmt.Errorf("%s: the answer is larger than %d KiB; check that the address is that of Vault or OpenBao, and trim a key with very many versions", r.operation, maxAnswer>>10)
	}
	if json.Unmarshal(body, answer) != nil {
		// The error of encoding/json would quote the answer.
		return fmt.Errorf("%s: the answer is not the JSON that the API describes; check that the address is that of Vault or OpenBao", r.operation)
	}
	return nil
}

func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	out, err := http.NewRequestWithContext(ctx, r.method, c.address.JoinPath("v1", r.path).String(), body)
	if err != nil {
		return nil, err
	}
	out.Header.Set("Accept", "application/json")
	out.Header.Set("User-Agent", "caddy-payermax")
	if r.body != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	// A Vault Agent or Proxy can be configured to require this header, as a protection
	// against requests that a browser was tricked into sending.
	out.Header.Set("X-Vault-Request", "true")
	if c.namespace != "" {
		out.Header.Set("X-Vault-Namespace", c.namespace)
	}
	if !r.token.IsZero() {
		out.Header.Set("X-Vault-Token", r.token.reveal())
	}
	if r.repeatable {
		// With an empty list, net/http treats the request as idempotent without sending
		// the header.
		out.Header["Idempotency-Key"] = []string{}
	}
	out.Close = c.closed.Load()
	return out, nil
}
