package payermax

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// pickUp is how soon a new key must be in use.
const pickUp = 10 * time.Second

// keyPEM is a key as a file holds it.
func keyPEM(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	return []byte(testkeys.PrivatePEM(key))
}

// secret is a volume as the kubelet mounts a Secret: the files are links into
// ..data, which is a link to a directory that is swapped as a whole.
type secret struct {
	t          *testing.T
	dir        string
	generation int
}

func newSecret(t *testing.T, files map[string][]byte) *secret {
	s := &secret{t: t, dir: t.TempDir()}
	s.swap(files)
	for name := range files {
		require.NoError(t, os.Symlink(filepath.Join("..data", name), s.path(name)))
	}
	return s
}

func (s *secret) path(name string) string { return filepath.Join(s.dir, name) }

// swap mounts another generation, as the kubelet's atomic writer does it.
func (s *secret) swap(files map[string][]byte) {
	s.t.Helper()
	before, _ := os.Readlink(s.path("..data"))
	s.generation++
	dir := fmt.Sprintf("..2026_11_22_%d", s.generation)
	require.NoError(s.t, os.Mkdir(s.path(dir), 0o755))
	for name, content := range files {
		require.NoError(s.t, os.WriteFile(filepath.Join(s.path(dir), name), content, 0o600))
	}
	require.NoError(s.t, os.Symlink(dir, s.path("..data_tmp")))
	require.NoError(s.t, os.Rename(s.path("..data_tmp"), s.path("..data")))
	if before != "" {
		require.NoError(s.t, os.RemoveAll(s.path(before)))
	}
}

// fingerprint is that of the key in use.
func fingerprint(h *Handler) string {
	return h.merchants.only.keyring.current.Load().signing.fingerprint
}

// requireInUse waits until the handler signs with the key.
func requireInUse(t *testing.T, h *Handler, key *rsa.PrivateKey) {
	t.Helper()
	want := signer.Fingerprint(&key.PublicKey)
	require.Eventually(t, func() bool { return fingerprint(h) == want }, pickUp, 10*time.Millisecond)
}

// Six rotations by a swap of ..data, with ten workers calling all the time: no
// call fails, and each is signed by a key, and carries the key version, of one
// generation.
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
	files := func(g generation) map[string][]byte {
		return map[string][]byte{
			"private.key":  keyPEM(t, g.key),
			"merchant.pub": []byte(testkeys.PublicPEM(&g.key.PublicKey)),
			"key_version":  []byte(g.version + "\n"),
		}
	}

	mounted := newSecret(t, files(generations[0]))
	h := newHandler(t, func(h *Handler) {
		h.KeyRaw = keyFile(mounted.path("private.key"))
		h.MerchantPublicKey = mounted.path("merchant.pub")
		h.KeyVersion = "{file." + mounted.path("key_version") + "}"
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
		mounted.swap(files(g))
		requireInUse(t, h, g.key)
		soon := calls.Load() + 2*workers
		require.Eventually(t, func() bool { return calls.Load() > soon }, pickUp, time.Millisecond)
	}
	close(stop)
	working.Wait()
	assert.Nil(t, h.merchants.only.keyring.failure.Load())
}

// All the other ways in which a file changes.
func TestKeyFileChanges(t *testing.T) {
	old, changed := newKey(), newKey()
	start := func(t *testing.T) (*Handler, string) {
		path := filepath.Join(t.TempDir(), "private.key")
		require.NoError(t, os.WriteFile(path, keyPEM(t, old), 0o600))
		return newHandler(t, func(h *Handler) { h.KeyRaw = keyFile(path) }), path
	}

	t.Run("written over", func(t *testing.T) {
		h, path := start(t)
		require.NoError(t, os.WriteFile(path, keyPEM(t, changed), 0o600))
		requireInUse(t, h, changed)
	})
	t.Run("renamed over", func(t *testing.T) {
		h, path := start(t)
		require.NoError(t, os.WriteFile(path+".new", keyPEM(t, changed), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
		requireInUse(t, h, changed)
	})
	t.Run("gone and back", func(t *testing.T) {
		h, path := start(t)
		require.NoError(t, os.Remove(path))
		require.Eventually(t, func() bool { return h.merchants.only.keyring.failure.Load() != nil }, pickUp, 10*time.Millisecond)
		assert.Equal(t, signer.Fingerprint(&old.PublicKey), fingerprint(h))
		require.NoError(t, os.WriteFile(path, keyPEM(t, changed), 0o600))
		requireInUse(t, h, changed)
		assert.Nil(t, h.merchants.only.keyring.failure.Load())
	})
	// Events of a directory that is replaced are lost; the poll finds it.
	t.Run("with its directory", func(t *testing.T) {
		h, path := start(t)
		require.NoError(t, os.RemoveAll(filepath.Dir(path)))
		require.Eventually(t, func() bool { return h.merchants.only.keyring.failure.Load() != nil }, pickUp, 10*time.Millisecond)
		require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, keyPEM(t, changed), 0o600))
		requireInUse(t, h, changed)
	})
}

// A rotation that works once and never again is the classic mistake with
// ..data; so is one that only works if the first one was seen.
func TestOnlySecondRotationIsSeen(t *testing.T) {
	first, second, third := newKey(), newKey(), newKey()
	mounted := newSecret(t, map[string][]byte{"private.key": keyPEM(t, first)})
	h := newHandler(t, func(h *Handler) { h.KeyRaw = keyFile(mounted.path("private.key")) })

	h.merchants.only.keyring.mutex.Lock() // nobody looks while the first one happens
	mounted.swap(map[string][]byte{"private.key": keyPEM(t, second)})
	mounted.swap(map[string][]byte{"private.key": keyPEM(t, third)})
	h.merchants.only.keyring.mutex.Unlock()
	requireInUse(t, h, third)
}

// A change for the worse keeps the last good key, is counted and shows.
func TestBadNewKeyIsNotTaken(t *testing.T) {
	good := newKey()
	whole := keyPEM(t, good)
	block, _ := pem.Decode(whole)
	public := testkeys.SPKI(&good.PublicKey)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	armour := func(label string, der []byte) []byte { return []byte(testkeys.PEM(label, der)) }
	damaged := bytes.Clone(block.Bytes)
	damaged[len(damaged)/2] ^= 1

	for name, content := range map[string][]byte{
		"empty":               {},
		"white space":         []byte(" \r\n"),
		"not a key":           []byte("CANARY"),
		"cut short":           whole[:len(whole)/2],
		"without its end":     bytes.TrimSuffix(whole, []byte("-----END PRIVATE KEY-----\n")),
		"DER cut short":       armour("PRIVATE KEY", block.Bytes[:len(block.Bytes)-10]),
		"damaged":             armour("PRIVATE KEY", damaged),
		"nothing inside":      armour("PRIVATE KEY", nil),
		"two keys":            slices.Concat(whole, whole),
		"text after it":       slices.Concat(whole, []byte("CANARY")),
		"binary DER":          block.Bytes,
		"UTF-16":              slices.Concat([]byte{0xff, 0xfe}, bytes.ReplaceAll(whole, []byte("-"), []byte("-\x00"))),
		"NUL bytes":           slices.Concat(whole[:100], make([]byte, 10), whole[100:]),
		"base64 cut short":    []byte(base64.StdEncoding.EncodeToString(block.Bytes)[:400]),
		"URL-safe base64":     []byte(base64.RawURLEncoding.EncodeToString(block.Bytes)),
		"base64 of the PEM":   []byte(base64.StdEncoding.EncodeToString(whole)),
		"a public key":        armour("PUBLIC KEY", public),
		"a certificate":       armour("CERTIFICATE", public),
		"encrypted":           armour("ENCRYPTED PRIVATE KEY", block.Bytes),
		"an EC key":           []byte(testkeys.PrivatePEM(curve)),
		"1024 bits":           keyPEM(t, testkeys.Small()),
		"OpenSSH":             armour("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00CANARY")),
		"larger than a key":   bytes.Repeat([]byte("CANARY"), 20_000),
		"one of another pair": keyPEM(t, newKey()),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "private.key")
			require.NoError(t, os.WriteFile(path, whole, 0o600))
			h := newHandler(t, func(h *Handler) {
				h.KeyRaw = keyFile(path)
				h.MerchantPublicKey = writePublicKey(t, &good.PublicKey)
			})
			before := counted(t, processMetrics.reloadFailures)

			require.NoError(t, os.WriteFile(path, content, 0o600))
			require.Eventually(t, func() bool { return h.merchants.only.keyring.failure.Load() != nil }, pickUp, 10*time.Millisecond)
			assert.Equal(t, signer.Fingerprint(&good.PublicKey), fingerprint(h))
			assert.Greater(t, counted(t, processMetrics.reloadFailures), before)
			assert.NotContains(t, *h.merchants.only.keyring.failure.Load(), "CANARY")
			assert.Equal(t, 1.0, collected(t, "caddy_payermax_key_degraded", fingerprint(h)))

			w := serve(t, h, post(sessionBody), answering(t))
			assert.Equal(t, http.StatusOK, w.Code)
		})
	}
}

// The pair is compared when the config is loaded.
func TestPairMustFit(t *testing.T) {
	h := &Handler{Merchant: Merchant{AppID: "app", KeyRaw: keyFile(writePrivateKey(t, merchantKey())), MerchantPublicKey: writePublicKey(t, &gatewayKey().PublicKey)}}
	err := provision(t, h)
	require.ErrorContains(t, err, "merchant_public_key: it has the fingerprint "+signer.Fingerprint(&gatewayKey().PublicKey))
	require.ErrorContains(t, err, signer.Fingerprint(&merchantKey().PublicKey))
}

func TestWorldReadableKeyFile(t *testing.T) {
	path := writePrivateKey(t, merchantKey())
	require.NoError(t, os.Chmod(path, 0o644))
	newHandler(t, func(h *Handler) { h.KeyRaw = keyFile(path) }) // with a warning

	strict := []byte(fmt.Sprintf(`{"source":"file","path":%q,"refuse_world_readable":true}`, path))
	require.ErrorContains(t, provision(t, &Handler{Merchant: Merchant{AppID: "app", KeyRaw: strict}}), "every user may read it (mode 0644)")
	require.NoError(t, os.Chmod(path, 0o440))
	require.NoError(t, provision(t, &Handler{Merchant: Merchant{AppID: "app", KeyRaw: strict}}))
}

// A call that is under way is not touched by a change of keys.
func TestCallFinishesWithItsKey(t *testing.T) {
	old, changed := newKey(), newKey()
	path := filepath.Join(t.TempDir(), "private.key")
	require.NoError(t, os.WriteFile(path, keyPEM(t, old), 0o600))
	h := newHandler(t, func(h *Handler) { h.KeyRaw = keyFile(path) })

	w := serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error {
		require.NoError(t, os.WriteFile(path, keyPEM(t, changed), 0o600))
		requireInUse(t, h, changed)
		require.NoError(t, h.Cleanup()) // as after a reload of the config
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		assert.NoError(t, signer.Verify(&old.PublicKey, body, r.Header.Get("Sign")))
		return answering(t)(w, r)
	})
	assert.Equal(t, http.StatusOK, w.Code)
}
