package vault_test

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault/vaulttest"
)

// dial returns a transit key on a server that listens on the network.
func dial(t *testing.T, url string, roots *x509.CertPool, timeout time.Duration) vault.Transit {
	t.Helper()
	address, err := vault.ParseAddress(url)
	require.NoError(t, err)
	client := vault.NewClient(vault.Options{Address: address, RootCAs: roots, Timeout: timeout, MaxConns: 2})
	t.Cleanup(client.Close)
	return vault.Transit{Client: client, Mount: "transit", Key: "payermax"}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(vaulttest.New(token))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	_, err := dial(t, server.URL, roots, time.Minute).Read(t.Context(), secret(t, token), 0)
	assert.NoError(t, err)

	_, err = dial(t, server.URL, nil, time.Minute).Read(t.Context(), secret(t, token), 0)
	assert.ErrorContains(t, err, "certificate signed by unknown authority")
}

func TestAddressWithPath(t *testing.T) {
	server := httptest.NewServer(http.StripPrefix("/behind/a/proxy", vaulttest.New(token)))
	t.Cleanup(server.Close)

	_, err := dial(t, server.URL+"/behind/a/proxy/", nil, time.Minute).Read(t.Context(), secret(t, token), 0)

	assert.NoError(t, err)
}

// Following a redirect would give the token to whoever sent the redirect.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for name, status := range map[string]int{"307": 307, "308": 308, "301": 301, "302": 302} {
		t.Run(name, func(t *testing.T) {
			var reached atomic.Bool
			elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
			t.Cleanup(elsewhere.Close)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
			}))
			t.Cleanup(server.Close)
			key := dial(t, server.URL, nil, time.Minute)

			_, err := key.Read(t.Context(), secret(t, token), 0)
			assert.ErrorContains(t, err, "to which the token must not be sent")
			_, err = key.Sign(t.Context(), secret(t, token), 1, digest[:])
			assert.ErrorContains(t, err, "to which the token must not be sent")
			assert.False(t, reached.Load())
		})
	}
}

// An error does not repeat the address, which is in the config, but says what happened.
func TestUnreachableServer(t *testing.T) {
	server := httptest.NewServer(vaulttest.New(token))
	server.Close()

	_, err := dial(t, server.URL, nil, time.Minute).Read(t.Context(), secret(t, token), 0)

	require.ErrorContains(t, err, `reading the transit key "payermax": calling the server: dial tcp`)
	assert.NotContains(t, err.Error(), "http://")
	assert.NotContains(t, err.Error(), "CANARY")
}

func TestTimeoutAndCancellation(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // otherwise, net/http does not notice that the client has gone
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)

	t.Run("timeout", func(t *testing.T) {
		_, err := dial(t, server.URL, nil, 50*time.Millisecond).Read(t.Context(), secret(t, token), 0)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		began := time.Now()
		_, err := dial(t, server.URL, nil, time.Minute).Sign(ctx, secret(t, token), 1, digest[:])
		assert.ErrorIs(t, err, context.Canceled)
		assert.Less(t, time.Since(began), 10*time.Second)
	})
}

// A payment must not fail because the server has closed an idle connection.
func TestSignSurvivesClosedConnections(t *testing.T) {
	server := httptest.NewServer(vaulttest.New(token))
	t.Cleanup(server.Close)
	key := dial(t, server.URL, nil, time.Minute)

	for range 20 {
		_, err := key.Sign(t.Context(), secret(t, token), 1, digest[:])
		require.NoError(t, err)
		server.CloseClientConnections()
	}
}

// Requests that began before the config was replaced may come after Close.
func TestSignAfterClose(t *testing.T) {
	server := httptest.NewServer(vaulttest.New(token))
	t.Cleanup(server.Close)
	key := dial(t, server.URL, nil, time.Minute)
	key.Client.Close()

	_, err := key.Sign(t.Context(), secret(t, token), 1, digest[:])

	assert.NoError(t, err)
}
