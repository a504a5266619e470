package kms

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/remote"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault/vaulttest"
)

func TestVaultKeyThatCannotBeLoadedYet(t *testing.T) {
	b := newVaultBench(t)
	b.Fault = vaulttest.Answer("", http.StatusServiceUnavailable, `{"errors":["Vault is sealed"]}`)
	v, _ := b.load(t, nil)

	_, _, err := v.Key()
	require.ErrorContains(t, err, "the key has not been loaded yet: ")
	require.ErrorContains(t, err, "the server is sealed; unseal it")
	require.ErrorIs(t, err, remote.ErrUnavailable)
	var retry interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &retry)
	assert.Positive(t, retry.RetryAfter())

	b.Change(func(s *vaulttest.Server) { s.Fault = nil })
	require.Eventually(t, func() bool {
		_, err := vaultSign(t.Context(), v)
		return err == nil
	}, 30*time.Second, 50*time.Millisecond)
}

func TestVaultKeepsTheKeyWhileTheServerIsAway(t *testing.T) {
	b := newVaultBench(t)
	v, _ := b.load(t, map[string]any{"refresh": "20ms"})
	_, before, err := v.Key()
	require.NoError(t, err)

	b.Change(func(s *vaulttest.Server) { s.Fault = vaulttest.Answer("", http.StatusInternalServerError, "") })
	time.Sleep(100 * time.Millisecond)

	_, after, err := v.Key()
	require.NoError(t, err)
	assert.Equal(t, before, after)
	_, err = vaultSign(t.Context(), v)
	assert.ErrorIs(t, err, remote.ErrUnavailable)
}

func TestVaultDoesNotHandOnABadSignature(t *testing.T) {
	b := newVaultBench(t)
	v, _ := b.load(t, nil)
	b.Change(func(s *vaulttest.Server) {
		s.Fault = vaulttest.Answer("/sha2-256", http.StatusOK, `{"data":{"signature":"vault:v1:`+strings.Repeat("AAAA", 85)+`AA=="}}`)
	})

	_, err := vaultSign(t.Context(), v)

	assert.ErrorIs(t, err, remote.ErrBadSignature)
}

func TestVaultDeadlineAndCancellation(t *testing.T) {
	b := newVaultBench(t)
	v, _ := b.load(t, map[string]any{"timeout": "2s"})
	_, _, err := v.Key()
	require.NoError(t, err)
	arrived, cancelled := make(chan struct{}, 2), make(chan struct{}, 2)
	b.Change(func(s *vaulttest.Server) {
		s.Fault = func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			arrived <- struct{}{}
			<-r.Context().Done()
			cancelled <- struct{}{}
			return true
		}
	})

	_, err = vaultSign(t.Context(), v)
	require.ErrorIs(t, err, remote.ErrUnavailable)
	<-arrived
	<-cancelled

	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err = vaultSign(ctx, v)
	require.ErrorIs(t, err, context.Canceled)
	<-cancelled
}

// Caddy cleans up a config while its last requests are still being served.
func TestVaultSignsAfterCleanup(t *testing.T) {
	b := newVaultBench(t)
	v, cancel := b.load(t, nil)
	key, _, err := v.Key()
	require.NoError(t, err)
	cancel()

	assert.NoError(t, vaultSignWith(t.Context(), key))
	_, err = vaultSign(t.Context(), v)
	assert.NoError(t, err)
}

func TestVaultLeavesNothingBehind(t *testing.T) {
	b := newVaultBench(t)
	before := runtime.NumGoroutine()
	for range 100 {
		v, cancel := b.load(t, nil)
		_, err := vaultSign(t.Context(), v)
		require.NoError(t, err)
		cancel()
	}
	// Validating a config ends before Key is called.
	for range 20 {
		_, cancel := b.load(t, nil)
		cancel()
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 30*time.Second, 20*time.Millisecond)
}
