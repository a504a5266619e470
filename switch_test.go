package payermax

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// keyMetrics returns the metrics of keys, as metricsOf does.
func keyMetrics(t *testing.T) map[string]float64 { return metricsOf(t, prom.Collectors()...) }

// gatewayWith returns a next handler that answers as PayerMax does when it knows only
// this public key.
func gatewayWith(t *testing.T, key *rsa.PublicKey, calls *int) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		*calls++
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		answer := `{"code":"APPLY_SUCCESS","msg":"Success."}`
		if signer.Verify(key, body, r.Header.Get("Sign")) != nil {
			answer = `{"code":"SIGN_VERIFY_FAILED","msg":"The signature verify failed."}`
		}
		signature, err := signer.Sign(t.Context(), gatewayKey(), []byte(answer))
		require.NoError(t, err)
		w.Header().Set("Sign", signature)
		_, err = io.WriteString(w, answer)
		return err
	}
}

// When the key is changed in PayerMax's dashboard, the old key is refused and the new one
// accepted from one call to the next.
func TestNextKeyIsPromoted(t *testing.T) {
	old, changed := newKey(), newKey()
	h := newHandler(t, verifying(t), func(h *Handler) {
		h.KeyRaw = keyFile(writePrivateKey(t, old))
		h.NextKeyRaw = keyFile(writePrivateKey(t, changed))
	})
	before := keyMetrics(t)["caddy_payermax_key_promotions_total"]
	var calls int

	w := serve(t, h, post(sessionBody), gatewayWith(t, &old.PublicKey, &calls))
	assert.Contains(t, w.Body.String(), protocol.CodeApplySuccess)
	assert.Equal(t, 1, calls)

	w = serve(t, h, post(sessionBody), gatewayWith(t, &changed.PublicKey, &calls))
	assert.Contains(t, w.Body.String(), protocol.CodeApplySuccess)
	assert.Equal(t, 3, calls, "refused once, then tried once with the next key")
	assert.Equal(t, signer.Fingerprint(&changed.PublicKey), fingerprint(h))
	assert.Equal(t, before+1, keyMetrics(t)["caddy_payermax_key_promotions_total"])

	w = serve(t, h, post(sessionBody), gatewayWith(t, &changed.PublicKey, &calls))
	assert.Contains(t, w.Body.String(), protocol.CodeApplySuccess)
	assert.Equal(t, 4, calls, "the promoted key comes first")
}

// If PayerMax refuses both, nothing is promoted and the first answer stands.
func TestNextKeyIsNotPromoted(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.NextKeyRaw = keyFile(writePrivateKey(t, newKey())) })
	var calls int
	w := serve(t, h, post(sessionBody), gatewayWith(t, &newKey().PublicKey, &calls))
	assert.Contains(t, w.Body.String(), protocol.CodeSignVerifyFailed)
	assert.Equal(t, 2, calls)
	assert.Equal(t, signer.Fingerprint(&merchantKey().PublicKey), fingerprint(h))
	assert.True(t, h.merchants.only.keyring.Current().Next.Exists())
}

// A forged acceptance of the next key promotes nothing. Nor does a forged refusal for a
// reason that PayerMax only checks after it has accepted the signature.
func TestUnverifiedAcceptanceDoesNotPromote(t *testing.T) {
	for _, code := range []string{protocol.CodeApplySuccess, protocol.CodeOrderNotExist} {
		h := newHandler(t, verifying(t), func(h *Handler) { h.NextKeyRaw = keyFile(writePrivateKey(t, newKey())) })
		var calls int
		w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, _ *http.Request) error {
			answer := `{"code":"SIGN_VERIFY_FAILED"}`
			if calls++; calls > 1 {
				answer = `{"code":"` + code + `"}`
			}
			_, err := io.WriteString(w, answer)
			return err
		})
		assert.Equal(t, 2, calls)
		assert.Contains(t, w.Body.String(), protocol.CodeSignVerifyFailed, code)
		assert.Equal(t, signer.Fingerprint(&merchantKey().PublicKey), fingerprint(h), code)
	}
}

// A call that may move money is never sent twice.
func TestNextKeyIsNotTriedForWhatIsNotRepeatable(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.NextKeyRaw = keyFile(writePrivateKey(t, newKey())) })
	rt := h.routes[sessionPath]
	rt.Repeatable = false
	h.routes[sessionPath] = rt
	var calls int
	serve(t, h, post(sessionBody), gatewayWith(t, &newKey().PublicKey, &calls))
	assert.Equal(t, 1, calls)
}

// If PayerMax goes back to the old key, so does the sidecar.
func TestPromotionIsTakenBack(t *testing.T) {
	old, changed := newKey(), newKey()
	h := newHandler(t, func(h *Handler) {
		h.KeyRaw = keyFile(writePrivateKey(t, old))
		h.NextKeyRaw = keyFile(writePrivateKey(t, changed))
	})
	var calls int
	for _, known := range []*rsa.PrivateKey{old, changed, old, changed} {
		w := serve(t, h, post(sessionBody), gatewayWith(t, &known.PublicKey, &calls))
		assert.Contains(t, w.Body.String(), protocol.CodeApplySuccess)
		assert.Equal(t, signer.Fingerprint(&known.PublicKey), fingerprint(h))
	}
	assert.Equal(t, 7, calls)
}

// net/http may still report on an attempt after it has ended, even after the attempt with
// the next key has begun. Such a report must neither reach the second attempt nor race
// with it.
func TestLateReportsOfAnEarlierAttempt(t *testing.T) {
	h := newHandler(t, func(h *Handler) { h.NextKeyRaw = keyFile(writePrivateKey(t, newKey())) })
	second := make(chan struct{})
	var late sync.WaitGroup
	var calls int
	serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
		calls++
		trace := httptrace.ContextClientTrace(r.Context())
		if calls == 1 {
			late.Go(func() {
				for begun := false; !begun; {
					select {
					case <-second:
						begun = true
					default:
					}
					trace.ConnectDone("tcp", "", errors.New("too late"))
					trace.TLSHandshakeDone(tls.ConnectionState{}, errors.New("too late"))
					trace.WroteHeaders()
					trace.GotFirstResponseByte()
				}
			})
		}
		if calls == 2 {
			close(second)
			late.Wait()
			d := delivery.From(r.Context())
			assert.True(t, d.MayRetry(), "nothing of it is written")
			assert.Equal(t, "destination_unavailable", d.Failed(t.Context(), new(reply.Answer), nil).ProxyError, "no reason is known")
		}
		_, err := io.WriteString(w, `{"code":"SIGN_VERIFY_FAILED"}`)
		return err
	})
	assert.Equal(t, 2, calls)
}

// The log line of a call that was signed twice names both bodies, since PayerMax has
// received both, whichever answer stands.
func TestSwitchLogsBothBodies(t *testing.T) {
	old, changed := newKey(), newKey()
	for name, known := range map[string]*rsa.PrivateKey{"the next key's": changed, "neither": newKey()} {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, func(h *Handler) {
				h.KeyRaw = keyFile(writePrivateKey(t, old))
				h.NextKeyRaw = keyFile(writePrivateKey(t, changed))
			})
			lines := callLines(h)
			var received []any
			var calls int
			gateway := gatewayWith(t, &known.PublicKey, &calls)
			serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				received = append(received, digest(body))
				r.Body = io.NopCloser(bytes.NewReader(body))
				return gateway(w, r)
			})
			require.Len(t, received, 2)
			require.Len(t, lines(), 1)
			logged := append([]any{lines()[0]["body_sha256"]}, lines()[0]["other_body_sha256"].([]any)...)
			assert.ElementsMatch(t, received, logged)
			assert.EqualValues(t, 2, lines()[0]["attempts"])
		})
	}
}

// An application that hangs up while its request waits for the signature is not told to
// try again, and the key is not blamed.
func TestHangingUpWhileSigning(t *testing.T) {
	h := newHandler(t)
	lines := callLines(h)
	ctx, cancel := context.WithCancel(t.Context())
	setKey(h, remoteKey{merchantKey(), func(ctx context.Context, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	serve(t, h, post(sessionBody).WithContext(ctx), testcaddy.Unreachable(t))
	require.Len(t, lines(), 1)
	assert.EqualValues(t, 499, lines()[0]["status"])
	assert.Equal(t, "not_sent", lines()[0]["payermax.outcome"])
}
