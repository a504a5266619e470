package sandbox

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// Stop ends waiting tasks at once, waits up to one second for tasks that do not end, and does nothing for a nil
// Gateway.
func TestStop(t *testing.T) {
	var none *Gateway
	require.NoError(t, none.Stop())
	synctest.Test(t, func(t *testing.T) {
		g, err := New(testkeys.Gateway())
		require.NoError(t, err)
		require.True(t, g.state().tasks.start(func(ctx context.Context) { sleep(ctx, time.Hour) }))
		began := time.Now()
		require.NoError(t, g.Stop())
		require.NoError(t, g.Stop(), "twice")
		assert.Zero(t, time.Since(began))
		assert.False(t, g.state().tasks.start(func(context.Context) {}))
	})
	synctest.Test(t, func(t *testing.T) {
		g, err := New(testkeys.Gateway())
		require.NoError(t, err)
		endless := make(chan struct{})
		defer close(endless)
		require.True(t, g.state().tasks.start(func(context.Context) { <-endless }))
		began := time.Now()
		require.ErrorIs(t, g.Stop(), context.DeadlineExceeded)
		assert.Equal(t, stopTime, time.Since(began))
	})
}

// A generated key is good enough for a gateway, and each one is different.
func TestGenerateKey(t *testing.T) {
	first, err := GenerateKey()
	require.NoError(t, err)
	assert.Equal(t, minKeyBits, first.N.BitLen())
	_, err = New(first, Merchant{AppID: "app", PublicKey: &first.PublicKey})
	require.NoError(t, err)
	second, err := GenerateKey()
	require.NoError(t, err)
	assert.False(t, first.Equal(second))
}
