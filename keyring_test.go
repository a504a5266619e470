package payermax

import (
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// pickUp is how soon a new key must be in use.
const pickUp = 30 * time.Second

// keyPEM returns a key in PEM.
func keyPEM(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	return []byte(testkeys.PrivatePEM(key))
}

// fingerprint returns the fingerprint of the key in use.
func fingerprint(h *Handler) string {
	return h.merchants.only.keyring.Current().Signing.Fingerprint
}

// requireInUse waits until the handler signs with the key.
func requireInUse(t *testing.T, h *Handler, key *rsa.PrivateKey) {
	t.Helper()
	want := signer.Fingerprint(&key.PublicKey)
	require.Eventually(t, func() bool { return fingerprint(h) == want }, pickUp, 10*time.Millisecond)
}

// Six rotations by a swap of ..data, while ten workers keep calling: no call fails, and
// the key and the key version of each call are of the same generation.
func TestRotationUnderLoad(t *testing.T) {
	const rotations, workers = 6, 10
	type generation struct {
		key     *rsa.PrivateKey
		version string
	}
	generations := make([]generation, rotations+1)
	for i := range generations {
		generations[i] = generation{newKey(), fmt.Sprint(i + 1)}
	}
	files := func(g generation) map[string]string {
		return map[string]string{
			"private.key":  testkeys.PrivatePEM(g.key),
			"merchant.pub": testkeys.PublicPEM(&g.key.PublicKey),
			"key_version":  g.version + "\n",
		}
	}

	mounted := testkeys.MountSecret(t, files(generations[0]))
	h := newHandler(t, func(h *Handler) {
		h.KeyRaw = keyFile(mounted.Path("private.key"))
		h.MerchantPublicKey = mounted.Path("merchant.pub")
		h.KeyVersion = "{file." + mounted.Path("key_version") + "}"
	})

	var calls atomic.Int64
	stop := make(chan struct{})
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
					body, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					for _, g := range generations {
						if signer.Verify(&g.key.PublicKey, body, r.Header.Get("Sign")) == nil {
							assert.Contains(t, string(body), `"keyVersion":"`+g.version+`"`)
							return answering(t)(w, r)
						}
					}
					t.Error("a call is signed by none of the keys")
					return nil
				})
				assert.Equal(t, http.StatusOK, w.Code)
				calls.Add(1)
			}
		})
	}
	for _, g := range generations[1:] {
		mounted.Swap(files(g))
		requireInUse(t, h, g.key)
		soon := calls.Load() + 2*workers
		require.Eventually(t, func() bool { return calls.Load() > soon }, pickUp, time.Millisecond)
	}
	close(stop)
	working.Wait()
	assert.Empty(t, h.merchants.only.keyring.Refused())
}

// The private key is compared with merchant_public_key when the config is loaded.
func TestPairMustFit(t *testing.T) {
	h := &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey())), MerchantPublicKey: writePublicKey(t, &gatewayKey().PublicKey)}}
	err := testcaddy.Provision(t, h)
	require.ErrorContains(t, err, "merchant_public_key: it has the fingerprint "+signer.Fingerprint(&gatewayKey().PublicKey))
	require.ErrorContains(t, err, signer.Fingerprint(&merchantKey().PublicKey))
}

// A key change does not affect a call that is under way.
func TestCallFinishesWithItsKey(t *testing.T) {
	old, changed := newKey(), newKey()
	path := filepath.Join(t.TempDir(), "private.key")
	require.NoError(t, os.WriteFile(path, keyPEM(t, old), 0o600))
	gateways := writePublicKey(t, &gatewayKey().PublicKey)
	h := newHandler(t, func(h *Handler) { h.KeyRaw, h.GatewayPublicKeys = keyFile(path), []string{gateways} })
	const success = `{"code":"APPLY_SUCCESS"}`

	w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
		require.NoError(t, os.Rename(writePublicKey(t, &newKey().PublicKey), gateways))
		require.NoError(t, os.WriteFile(path, keyPEM(t, changed), 0o600))
		requireInUse(t, h, changed)
		require.NoError(t, h.Cleanup()) // as after a reload of the config
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		assert.NoError(t, signer.Verify(&old.PublicKey, body, r.Header.Get("Sign")))
		w.Header()["Sign"] = []string{signedByGateway(t, []byte(success))}
		_, err = io.WriteString(w, success)
		return err
	})
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, success, w.Body.String(), "PayerMax signed it with the key of that time")
}
