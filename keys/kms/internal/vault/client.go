// Package vault is a client of the parts of Vault's HTTP API that signing needs:
// the transit engine, the Kubernetes login and the renewal of tokens.
//
// It is written over net/http and the documented API instead of using one of the
// official client libraries, because the six requests it makes are the same with
// HashiCorp Vault and OpenBao, whose libraries are two; because either library
// brings more than a dozen modules, a retry policy and environment variables that
// redirect it (VAULT_ADDR, VAULT_SKIP_VERIFY and others), none of which should have
// a say in a payment; and because both put what the server said into their errors.
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
	// maxAnswer is ample for a transit key with hundreds of versions.
	maxAnswer = 1 << 20

	// maxFailure is how much of a refusal is looked at.
	maxFailure = 16 << 10

	dialTimeout = 5 * time.Second
	idleTimeout = 30 * time.Second
)

// Options configure a [Client].
type Options struct {
	// Address is the server's, as [ParseAddress] returns it.
	Address *url.URL

	// Namespace is the namespace that all paths are relative to; empty for the
	// root namespace.
	Namespace string

	// RootCAs are the authorities that the server's certificate may come from;
	// nil for the system's.
	RootCAs *x509.CertPool

	// Timeout is how long one request may take, if its context does not end
	// earlier.
	Timeout time.Duration

	// MaxConns is how many connections are open at most.
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
	// A redirect is an answer like any other: followed, it would carry the token
	// to wherever the answer says.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// newTransport returns a transport that goes where the address says and nowhere
// else: no proxy, since an environment variable must not decide who sees tokens.
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

// Close closes the connections that are not in use, and lets the others be closed
// after their request. Requests can still be sent: a signature for a payment that
// began before the config was replaced is still wanted.
func (c *Client) Close() {
	c.closed.Store(true)
	c.http.CloseIdleConnections()
}

// request is one request of the API.
type request struct {
	operation string // for errors, such as "reading the transit key"
	method    string
	path      string // below /v1/; its parts are checked when the config is loaded
	token     Secret
	body      any
	hints     hints

	// repeatable says that the request may be sent again if the connection
	// breaks, which net/http otherwise does for a GET alone.
	repeatable bool
}

// do sends a request and reads its answer into answer.
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
		// Who reads this knows the address; the cause is what counts.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return fmt.Errorf("%s: calling the server: %w", r.operation, err)
	}
	defer response.Body.Close()

	if response.StatusCode != http.StatusOK {
		// What cannot be read is treated as absent: the status says enough.
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
	// A Vault Agent or Proxy can be told to serve nobody who does not send this:
	// it keeps a browser from being used against it.
	out.Header.Set("X-Vault-Request", "true")
	if c.namespace != "" {
		out.Header.Set("X-Vault-Namespace", c.namespace)
	}
	if !r.token.IsZero() {
		out.Header.Set("X-Vault-Token", r.token.reveal())
	}
	if r.repeatable {
		// An empty list is net/http's way of saying so without sending a header.
		out.Header["Idempotency-Key"] = []string{}
	}
	out.Close = c.closed.Load()
	return out, nil
}
