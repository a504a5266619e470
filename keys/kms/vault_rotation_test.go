package kms

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/remote"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault/vaulttest"
)

func (b *vaultBench) rotate() {
	key := testkeys.New(2048)
	b.Change(func(s *vaulttest.Server) { s.Versions = append(s.Versions, key) })
}

// Five rotations under load: no request fails, each is signed with a version that existed
// when it began, and the newest version is in use soon after.
func TestVaultRotation(t *testing.T) {
	b := newVaultBench(t)
	v, _ := b.load(t, map[string]any{"refresh": "50ms"})
	ctx, stop := context.WithCancel(t.Context())
	var failed, signed atomic.Int64
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for ctx.Err() == nil {
				if _, err := vaultSign(t.Context(), v); err != nil {
					failed.Add(1)
					t.Error(err)
				}
				signed.Add(1)
			}
		})
	}

	for range 5 {
		b.rotate()
		newest := b.fingerprint(t, len(b.Versions))
		require.Eventually(t, func() bool {
			_, fingerprint, err := v.Key()
			return err == nil && fingerprint == newest
		}, 30*time.Second, 10*time.Millisecond)
	}
	stop()
	workers.Wait()

	assert.Zero(t, failed.Load())
	assert.Positive(t, signed.Load())
}

// If the key is rotated and the old version is forbidden at once, the new version is used
// without waiting for the next refresh.
func TestVaultNoticesThatItsVersionMayNotSign(t *testing.T) {
	b := newVaultBench(t)
	v, _ := b.load(t, map[string]any{"refresh": "1h"})
	_, err := vaultSign(t.Context(), v)
	require.NoError(t, err)

	b.rotate()
	b.Change(func(s *vaulttest.Server) { s.MinEncryptionVersion = 2 })
	_, err = vaultSign(t.Context(), v)
	require.ErrorIs(t, err, remote.ErrUnavailable)
	require.ErrorContains(t, err, "this version of the key may not sign")

	require.Eventually(t, func() bool {
		fingerprint, err := vaultSign(t.Context(), v)
		return err == nil && fingerprint == b.fingerprint(t, 2)
	}, 30*time.Second, 100*time.Millisecond)
}

// A key that was deleted and created again also starts at version 1.
func TestVaultNoticesAnotherKeyOfTheSameVersion(t *testing.T) {
	b := newVaultBench(t)
	v, _ := b.load(t, map[string]any{"refresh": "50ms"})
	_, err := vaultSign(t.Context(), v)
	require.NoError(t, err)

	other := testkeys.New(2048)
	b.Change(func(s *vaulttest.Server) { s.Versions[0] = other })

	require.Eventually(t, func() bool {
		fingerprint, err := vaultSign(t.Context(), v)
		return err == nil && fingerprint == b.fingerprint(t, 1)
	}, 30*time.Second, 50*time.Millisecond)
}
