package payermax

import (
	"context"
	"crypto"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/gate"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// remoteKey is a remote key that signs with a given function.
type remoteKey struct {
	crypto.Signer
	sign func(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (k remoteKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.sign(ctx, digest, opts)
}

func (k remoteKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	panic("a key that lives elsewhere is asked with the call's context")
}

// signedPost returns the request of an application that signs its requests itself.
func signedPost(t *testing.T) *http.Request {
	t.Helper()
	r := post(sessionBody)
	signature, err := signer.Sign(t.Context(), merchantKey(), []byte(sessionBody))
	require.NoError(t, err)
	r.Header.Set("Sign", signature)
	return r
}

// In shadow mode as well, a remote key gets the call's context and does not wait at the
// gate, since it does not use this machine's CPUs.
func TestShadowWithRemoteKey(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.Shadow = true; h.Timeout = caddy.Duration(time.Minute) })
	h.gate = gate.New(1)
	require.NoError(t, h.gate.Enter(t.Context(), time.Now(), time.Minute))
	setKey(h, remoteKey{merchantKey(), func(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		assert.NotNil(t, ctx.Done())
		return merchantKey().Sign(nil, digest, opts)
	}})
	logs := logged(h)
	w := serve(t, h, signedPost(t), answering(t))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, shadowAgree, logs.FilterMessage("call").All()[0].ContextMap()["shadow"])
}

// A comparison that takes too long is abandoned, and the call goes on without it.
func TestShadowGivesUp(t *testing.T) {
	const maxWait = 5 * time.Second
	h := newHandler(t, func(h *Handler) { h.Shadow = true; h.MaxWait = caddy.Duration(maxWait) })
	setKey(h, remoteKey{merchantKey(), func(ctx context.Context, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}})
	logs := logged(h)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := serve(t, h, signedPost(t), answering(t))
		assert.Equal(t, maxWait, time.Since(began))
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, shadowSkipped, logs.FilterMessage("call").All()[0].ContextMap()["shadow"])
	})
}

// In shadow mode as well, keys of this process wait at the gate. A request that there is
// no time to compare is passed on, and does not count as a disagreement.
func TestShadowAtTheGate(t *testing.T) {
	const maxWait = 5 * time.Second
	h := newHandler(t, func(h *Handler) { h.Shadow = true; h.MaxWait = caddy.Duration(maxWait) })
	logs := logged(h)
	synctest.Test(t, func(t *testing.T) {
		h.gate = gate.New(1)
		require.NoError(t, h.gate.Enter(t.Context(), time.Now(), time.Minute))
		began := time.Now()
		var w int
		increased := increase(t, func() { w = serve(t, h, signedPost(t), answering(t)).Code })
		assert.Equal(t, maxWait, time.Since(began), "it holds the call up no longer")
		assert.Equal(t, http.StatusOK, w)
		assert.EqualValues(t, 1, increased["shadow_signatures_total{applyDropinSession,skipped}"])
		assert.Zero(t, logs.FilterMessageSnippet("differs from the one that this sidecar").Len())

		h.gate.Leave(time.Now())
		increased = increase(t, func() { serve(t, h, signedPost(t), answering(t)) })
		assert.EqualValues(t, 1, increased["sign_duration_seconds{file}"], "how long it takes is known before the key is taken away")
		assert.Equal(t, shadowAgree, logs.FilterMessage("call").All()[1].ContextMap()["shadow"])
	})
}

// The signing key keeps its type, in shadow mode as well, so that a signature made in
// memory is not verified a second time.
func TestKeyKeepsItsKind(t *testing.T) {
	h := newHandler(t)
	assert.IsType(t, merchantKey(), h.merchants.only.keyring.Current().Signing.Private)
	setKey(h, remoteKey{Signer: merchantKey()})
	_, isRemote := h.merchants.only.keyring.Current().Signing.Private.(signer.ContextSigner)
	assert.True(t, isRemote)
	var key any = h.merchants.only.keyring.Current().Signing
	_, isSigner := key.(crypto.Signer)
	assert.False(t, isSigner, "a struct that embeds the key would be mistaken for it")
}
