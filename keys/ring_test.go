package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// The keys follow every other way in which a file can change.
func TestKeyFileChanges(t *testing.T) {
	old, changed := testkeys.New(2048), testkeys.New(2048)
	start := func(t *testing.T) (*Ring, string) {
		path := filepath.Join(t.TempDir(), "private.key")
		require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(old)), 0o600))
		return watched(t, Config{Source: inFile(t, path)}), path
	}

	t.Run("written over", func(t *testing.T) {
		r, path := start(t)
		require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(changed)), 0o600))
		requireInUse(t, r, changed)
	})
	t.Run("renamed over", func(t *testing.T) {
		r, path := start(t)
		require.NoError(t, os.WriteFile(path+".new", []byte(testkeys.PrivatePEM(changed)), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
		requireInUse(t, r, changed)
	})
	t.Run("gone and back", func(t *testing.T) {
		r, path := start(t)
		require.NoError(t, os.Remove(path))
		requireRefused(t, r)
		assert.Equal(t, signer.Fingerprint(&old.PublicKey), fingerprint(r))
		require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(changed)), 0o600))
		requireInUse(t, r, changed)
		assert.Empty(t, r.Refused())
	})
	// There are no events for a directory that is replaced; the poll finds the change.
	t.Run("with its directory", func(t *testing.T) {
		r, path := start(t)
		require.NoError(t, os.RemoveAll(filepath.Dir(path)))
		requireRefused(t, r)
		require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(changed)), 0o600))
		requireInUse(t, r, changed)
	})
}

// Classic mistakes with ..data are that only the first rotation works, or that the second
// works only if the first was seen.
func TestOnlySecondRotationIsSeen(t *testing.T) {
	first, second, third := testkeys.New(2048), testkeys.New(2048), testkeys.New(2048)
	mounted := testkeys.MountSecret(t, map[string]string{"private.key": testkeys.PrivatePEM(first)})
	r := watched(t, Config{Source: inFile(t, mounted.Path("private.key"))})

	r.reading.Lock() // so that the first rotation goes unnoticed
	mounted.Swap(map[string]string{"private.key": testkeys.PrivatePEM(second)})
	mounted.Swap(map[string]string{"private.key": testkeys.PrivatePEM(third)})
	r.reading.Unlock()
	requireInUse(t, r, third)
}

// If a new key is bad, the last good one stays in use, and the failure is counted and
// reported.
func TestBadNewKeyIsNotTaken(t *testing.T) {
	good := testkeys.New(2048)
	whole := []byte(testkeys.PrivatePEM(good))
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
		"base64 with a hole":  []byte("*" + base64.StdEncoding.EncodeToString(block.Bytes)),
		"base64 of the PEM":   []byte(base64.StdEncoding.EncodeToString(whole)),
		"a public key":        armour("PUBLIC KEY", public),
		"a certificate":       armour("CERTIFICATE", public),
		"encrypted":           armour("ENCRYPTED PRIVATE KEY", block.Bytes),
		"an EC key":           []byte(testkeys.PrivatePEM(curve)),
		"1024 bits":           []byte(testkeys.PrivatePEM(testkeys.Small())),
		"OpenSSH":             armour("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00CANARY")),
		"larger than a key":   bytes.Repeat([]byte("CANARY"), 20_000),
		"one of another pair": []byte(testkeys.PrivatePEM(testkeys.New(2048))),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "private.key")
			require.NoError(t, os.WriteFile(path, whole, 0o600))
			r := watched(t, Config{Source: inFile(t, path), MerchantFile: testkeys.WritePublic(t, &good.PublicKey)})
			before := measured(t)["key_reload_failures_total"]

			require.NoError(t, os.WriteFile(path, content, 0o600))
			requireRefused(t, r)
			assert.Equal(t, signer.Fingerprint(&good.PublicKey), fingerprint(r))
			assert.NotContains(t, r.Refused(), "CANARY")
			after := measured(t)
			assert.Greater(t, after["key_reload_failures_total"], before)
			assert.Equal(t, 1.0, after["key_degraded "+fingerprint(r)+" file"])

			signature, err := signer.Sign(t.Context(), r.Current().Signing.Private, []byte("still good"))
			require.NoError(t, err)
			assert.NoError(t, signer.Verify(&good.PublicKey, []byte("still good"), signature))
		})
	}
}

// The merchant's own public key, of the current or the next key, does not replace
// PayerMax's while the process runs. If it was configured from the start, other keys can
// still change.
func TestOwnKeyDoesNotReplaceGatewayKey(t *testing.T) {
	for name, own := range map[string]*rsa.PrivateKey{"the current key": testkeys.Merchant(), "the next key": testkeys.Next()} {
		theirs := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
		private := testkeys.WritePrivate(t, testkeys.Merchant())
		config := Config{Source: inFile(t, private), Next: inFile(t, testkeys.WritePrivate(t, testkeys.Next())), GatewayFiles: []string{theirs}}
		r := open(t, config)
		good, err := os.ReadFile(theirs)
		require.NoError(t, err)

		require.NoError(t, os.WriteFile(theirs, []byte(testkeys.PEM("PUBLIC KEY", testkeys.SPKI(&own.PublicKey))), 0o600))
		r.Refresh()
		assert.Contains(t, r.Refused(), "gateway_public_key names the merchant's own public key: ", name)
		assert.Equal(t, []*rsa.PublicKey{&testkeys.Gateway().PublicKey}, r.Current().Gateway, name)

		mixedUp := open(t, config)
		changed := testkeys.New(2048)
		require.NoError(t, os.WriteFile(private, []byte(testkeys.PrivatePEM(changed)), 0o600))
		mixedUp.Refresh()
		assert.Empty(t, mixedUp.Refused(), name)
		assert.Equal(t, signer.Fingerprint(&changed.PublicKey), fingerprint(mixedUp), name)

		require.NoError(t, os.WriteFile(theirs, good, 0o600))
		r.Refresh()
		assert.Empty(t, r.Refused(), name)
	}
}

// The private key is compared with the uploaded public key when the ring is opened.
func TestPairMustFit(t *testing.T) {
	_, err := try(Config{
		Source:       inFile(t, testkeys.WritePrivate(t, testkeys.Merchant())),
		MerchantFile: testkeys.WritePublic(t, &testkeys.Gateway().PublicKey),
	})
	require.ErrorContains(t, err, "merchant_public_key: it has the fingerprint "+signer.Fingerprint(&testkeys.Gateway().PublicKey))
	require.ErrorContains(t, err, signer.Fingerprint(&testkeys.Merchant().PublicKey))
}

// PayerMax's public key in place of the merchant's own is named as such.
func TestPairNamesTheGatewaysKey(t *testing.T) {
	theirs := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	_, err := try(Config{
		Source:       inFile(t, testkeys.WritePrivate(t, testkeys.Merchant())),
		MerchantFile: theirs,
		GatewayFiles: []string{theirs},
	})
	assert.EqualError(t, err, "merchant_public_key: "+theirs+" is the key that gateway_public_key names, PayerMax's, not the merchant's own; name the public half of private_key")
}

// The file that has the merchant's own key is named, with the option that it belongs to.
func TestOwnForGatewaysNamesFileAndOption(t *testing.T) {
	theirs, own, next := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey), testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), testkeys.WritePublic(t, &testkeys.Next().PublicKey)
	for want, files := range map[string][]string{
		"":                                     {theirs},
		own + " belongs to private_key,":       {theirs, own},
		next + " belongs to next_private_key,": {next},
	} {
		r := open(t, Config{
			Source: inFile(t, testkeys.WritePrivate(t, testkeys.Merchant())), Next: inFile(t, testkeys.WritePrivate(t, testkeys.Next())),
			GatewayFiles: files,
		})
		if want == "" {
			assert.Empty(t, r.OwnForGateways())
			continue
		}
		assert.Contains(t, r.OwnForGateways(), want)
	}
}

// At the end of a change of keys, both files have the new key. The log says so once.
func TestNextKeyThatBecomesTheKeyIsLoggedOnce(t *testing.T) {
	core, log := observer.New(zap.InfoLevel)
	private := testkeys.WritePrivate(t, testkeys.Merchant())
	r := open(t, Config{Source: inFile(t, private), Next: inFile(t, testkeys.WritePrivate(t, testkeys.Next())), Logger: zap.New(core)})
	said := func() int {
		return log.FilterMessage("next_private_key is now the same key as private_key, so there is no key to change to").Len()
	}

	require.NoError(t, os.WriteFile(private, []byte(testkeys.PrivatePEM(testkeys.Next())), 0o600))
	r.Refresh()
	assert.Equal(t, 1, said())
	require.NoError(t, os.WriteFile(private, []byte(testkeys.PrivatePEM(testkeys.Next())+"\n"), 0o600))
	r.Refresh()
	assert.Equal(t, 1, said())
}

// The file of the uploaded public key is watched like that of the private key.
func TestUploadedKeyIsFollowed(t *testing.T) {
	path := testkeys.WritePublic(t, &testkeys.Merchant().PublicKey)
	r := open(t, Config{Source: inFile(t, testkeys.WritePrivate(t, testkeys.Merchant())), MerchantFile: path})
	replace := func(content string) {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		r.Refresh()
	}
	replace(testkeys.PEM("PUBLIC KEY", testkeys.SPKI(&testkeys.Stranger().PublicKey)))
	assert.Contains(t, r.Refused(), "merchant_public_key: it has the fingerprint ")
	replace("not a key")
	assert.Contains(t, r.Refused(), "merchant_public_key: public key file "+path)
	replace(testkeys.PEM("PUBLIC KEY", testkeys.SPKI(&testkeys.Merchant().PublicKey)))
	assert.Empty(t, r.Refused())
}

func TestWorldReadableFile(t *testing.T) {
	path := testkeys.WritePrivate(t, testkeys.Merchant())
	require.NoError(t, os.Chmod(path, 0o644))
	core, logs := observer.New(zap.WarnLevel)
	source := inFile(t, path)
	source.Source.(*File).logger = zap.New(core)
	gateway := testkeys.WritePublic(t, &testkeys.Next().PublicKey)
	r := open(t, Config{Source: source, GatewayFiles: []string{gateway}})
	warnings := func() (found int) {
		for _, line := range logs.TakeAll() {
			if strings.Contains(line.Message, "every user may read the private key file") {
				found++
			}
		}
		return found
	}
	require.Equal(t, 1, warnings())

	// While a generation is refused, for whatever reason, its files are read again and again.
	require.NoError(t, os.WriteFile(gateway, []byte("no key"), 0o600))
	for range 3 {
		r.Refresh()
		require.NotEmpty(t, r.Refused())
	}
	assert.Zero(t, warnings())
	require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(testkeys.Next())), 0o644))
	for range 3 {
		r.Refresh()
	}
	assert.Equal(t, 1, warnings(), "of another key")
	require.NoError(t, os.Chmod(path, 0o664))
	for range 3 {
		_, _, err := source.Key()
		require.NoError(t, err)
	}
	assert.Equal(t, 1, warnings(), "of another mode")
	require.NoError(t, os.Chmod(path, 0o644))

	strict := fmt.Sprintf(`{"source":"file","path":%q,"refuse_world_readable":true}`, path)
	_, err := try(Config{Source: load(t, strict)})
	require.ErrorContains(t, err, "private_key: private key file "+path+": every user may read it (mode 0644)")
	link := filepath.Join(t.TempDir(), "private.key") // as Kubernetes mounts keys; every user may read a link
	require.NoError(t, os.Symlink(path, link))
	linked := fmt.Sprintf(`{"source":"file","path":%q,"refuse_world_readable":true}`, link)
	_, err = try(Config{Source: load(t, linked)})
	require.ErrorContains(t, err, "every user may read it (mode 0644)")
	require.NoError(t, os.Chmod(path, 0o440))
	open(t, Config{Source: load(t, strict)})
	open(t, Config{Source: load(t, linked)})
}

// A promotion survives a reload of the files, until private_key is another key.
func TestPromotionOutlivesRefresh(t *testing.T) {
	old, changed := testkeys.New(2048), testkeys.New(2048)
	path := testkeys.WritePrivate(t, old)
	r := watched(t, Config{Source: inFile(t, path), Next: inFile(t, testkeys.WritePrivate(t, changed))})
	r.Promote(r.Current().Next)
	require.Equal(t, signer.Fingerprint(&changed.PublicKey), fingerprint(r))

	r.reading.Lock()
	r.seen[0]++ // as if something had changed
	r.reading.Unlock()
	r.Refresh()
	assert.Equal(t, signer.Fingerprint(&changed.PublicKey), fingerprint(r))

	third := testkeys.New(2048)
	require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(third)), 0o600))
	requireInUse(t, r, third)
	assert.True(t, r.Current().Next.Exists())
}

// A call that promotes a key does not wait for another key that is being tested. A generation
// that is read at the same time follows the promotion.
func TestPromotionDuringRefresh(t *testing.T) {
	elsewhere := &remote{key: testkeys.Merchant()}
	r := open(t, Config{Source: &NamedSource{elsewhere, "kms"}, Next: inFile(t, testkeys.WritePrivate(t, testkeys.Next()))})
	want := signer.Fingerprint(&testkeys.Next().PublicKey)
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	elsewhere.before = func() { asked <- struct{}{}; <-answer }
	r.seen[0]++ // as if something had changed
	refreshed, promoted := make(chan struct{}), make(chan struct{})
	go func() { defer close(refreshed); r.Refresh() }()
	<-asked
	go func() { defer close(promoted); r.Promote(r.Current().Next) }()
	select {
	case <-promoted:
		assert.Equal(t, want, fingerprint(r))
	case <-time.After(pickUp):
		assert.Fail(t, "it waits for the other key")
	}
	close(answer)
	<-refreshed
	<-promoted
	assert.Equal(t, want, fingerprint(r))
	assert.Equal(t, signer.Fingerprint(&testkeys.Merchant().PublicKey), r.Current().Next.Fingerprint)
}

// Whichever file changes first after a promotion, no call is signed with the key that the
// gateway has refused: the accepted key stays in use until private_key is another key. A
// promotion ends if the gateway goes back to the old key.
func TestPromotionOutlivesItsFile(t *testing.T) {
	refused, accepted, third := testkeys.Merchant(), testkeys.Next(), testkeys.Stranger()
	for name, remove := range map[string]func(*testing.T, string){
		"removed": func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
		"another": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(third)), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, next := testkeys.WritePrivate(t, refused), testkeys.WritePrivate(t, accepted)
			r := open(t, Config{Source: inFile(t, path), Next: inFile(t, next)})
			r.Promote(r.Current().Next)
			remove(t, next)
			for range 2 {
				r.Refresh()
				assert.Equal(t, signer.Fingerprint(&accepted.PublicKey), fingerprint(r))
				assert.Contains(t, r.Refused(), "private_key: it is still the key that PayerMax refused")
			}

			r.Promote(r.Current().Next)
			r.Refresh()
			assert.Equal(t, signer.Fingerprint(&refused.PublicKey), fingerprint(r), "PayerMax has accepted it again")
			assert.Empty(t, r.Refused())
		})
	}
	t.Run("put into private_key", func(t *testing.T) {
		path, next := testkeys.WritePrivate(t, refused), testkeys.WritePrivate(t, accepted)
		r := open(t, Config{Source: inFile(t, path), Next: inFile(t, next)})
		r.Promote(r.Current().Next)
		require.NoError(t, os.Remove(next))
		r.Refresh()
		for _, key := range []*rsa.PrivateKey{accepted, refused} { // the latter is a roll-back by hand
			require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(key)), 0o600))
			r.Refresh()
			assert.Equal(t, signer.Fingerprint(&key.PublicKey), fingerprint(r))
			assert.Empty(t, r.Refused())
		}
	})
}

// The file of a next key may appear later and disappear again, if its directory exists.
// Anything else that is wrong with it is an error, as with every key.
func TestNextKeyMayComeLater(t *testing.T) {
	current, next := inFile(t, testkeys.WritePrivate(t, testkeys.New(2048))), filepath.Join(t.TempDir(), "next.key")
	r := watched(t, Config{Source: current, Next: inFile(t, next)})
	assert.False(t, r.Current().Next.Exists())
	require.NoError(t, os.WriteFile(next, []byte(testkeys.PrivatePEM(testkeys.New(2048))), 0o600))
	require.Eventually(t, func() bool { return r.Current().Next.Exists() }, pickUp, 10*time.Millisecond)
	require.NoError(t, os.Remove(next))
	require.Eventually(t, func() bool { return !r.Current().Next.Exists() }, pickUp, 10*time.Millisecond)
	assert.Empty(t, r.Refused())

	require.NoError(t, os.WriteFile(next, []byte("not a key"), 0o600))
	for name, path := range map[string]string{
		"not a key": next, "no such directory": filepath.Join(filepath.Dir(next), "none", "next.key"), "a file for a directory": filepath.Join(next, "next.key"),
		"no path": "",
	} {
		_, err := try(Config{Source: current, Next: inFile(t, path)})
		assert.ErrorContains(t, err, "next_private_key: ", name)
	}
	none := filepath.Join(filepath.Dir(next), "none")
	_, err := try(Config{Source: current, Next: inFile(t, filepath.Join(none, "next.key"))})
	assert.ErrorContains(t, err, "the directory "+none+" does not exist: create it or mount it, or correct the path")
	_, err = try(Config{Source: inFile(t, filepath.Join(filepath.Dir(next), "none.key"))})
	assert.ErrorIs(t, err, fs.ErrNotExist, "the key that signs has to be there")
	assert.NotContains(t, err.Error(), "the directory")
}

// A generation does not change, whatever happens to the ring and whatever a holder does
// with it. Each generation includes the keys that are not in files.
func TestGenerationsDoNotChange(t *testing.T) {
	old, changed, given := testkeys.New(2048), testkeys.New(2048), &testkeys.Gateway().PublicKey
	path := testkeys.WritePrivate(t, old)
	r := open(t, Config{Source: inFile(t, path), Next: inFile(t, testkeys.WritePrivate(t, testkeys.New(2048))), GatewayKeys: []*rsa.PublicKey{given}})
	first := r.Current()
	before := first

	r.Promote(first.Next)
	held := r.Current()
	_ = append(held.Gateway, &old.PublicKey)
	held.Signing.Private = nil
	assert.True(t, r.Current().Signing.Exists())
	require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(changed)), 0o600))
	r.Refresh()

	assert.Equal(t, signer.Fingerprint(&changed.PublicKey), fingerprint(r))
	assert.Equal(t, before, first)
	assert.Equal(t, []*rsa.PublicKey{given}, first.Gateway)
	assert.Equal(t, []*rsa.PublicKey{given}, r.Current().Gateway)
}

// PayerMax's keys follow their files: a key that was removed from them no longer verifies
// anything, even if it is one of several.
func TestGatewayKeysFollowTheirFiles(t *testing.T) {
	of := func(keys ...*rsa.PrivateKey) (public []*rsa.PublicKey) {
		for _, key := range keys {
			public = append(public, &key.PublicKey)
		}
		return public
	}
	first, second, third := testkeys.Gateway(), testkeys.Next(), testkeys.Stranger()
	path := testkeys.WritePublic(t, &first.PublicKey)
	r := open(t, Config{GatewayFiles: []string{path, testkeys.WritePublic(t, &second.PublicKey)}})
	require.Equal(t, of(first, second), r.Current().Gateway)

	require.NoError(t, os.WriteFile(path, []byte(testkeys.OneLine(testkeys.SPKI(&third.PublicKey))), 0o600))
	r.Refresh()
	assert.Equal(t, of(third, second), r.Current().Gateway)
	require.NoError(t, os.Remove(path))
	r.Refresh()
	assert.Equal(t, of(third, second), r.Current().Gateway, "without one of them, the last good ones verify")
	assert.NotEmpty(t, r.Refused())
}

// A promotion and a new generation change the keys one after the other: while one is logged,
// the other cannot begin.
func TestKeysChangeOneAtATime(t *testing.T) {
	path := testkeys.WritePrivate(t, testkeys.Merchant())
	r := open(t, Config{Source: inFile(t, path), Next: inFile(t, testkeys.WritePrivate(t, testkeys.Next()))})
	core, _ := observer.New(zap.InfoLevel)
	changes := 0
	r.config.Logger = zap.New(zapcore.RegisterHooks(core, func(zapcore.Entry) error {
		changes++
		if r.mutex.TryLock() {
			r.mutex.Unlock()
			t.Error("another change could begin")
		}
		return nil
	}))

	r.Promote(r.Current().Next)
	assert.Equal(t, 1, changes)
	require.NoError(t, os.WriteFile(path, []byte(testkeys.PrivatePEM(testkeys.Stranger())), 0o600))
	r.Refresh()
	assert.Equal(t, 2, changes)
}

// A key stays in use until a promotion replaces it, and only the next key can be
// promoted.
func TestOnlyTheNextKeyIsPromoted(t *testing.T) {
	file := func(key *rsa.PrivateKey) *NamedSource { return inFile(t, testkeys.WritePrivate(t, key)) }
	r := open(t, Config{Source: file(testkeys.Merchant()), Next: file(testkeys.Next())})
	signing, next := r.Current().Signing, r.Current().Next
	r.Refresh()
	assert.Equal(t, signing, r.Current().Signing)
	r.Promote(Key{Private: testkeys.Stranger(), Fingerprint: signer.Fingerprint(&testkeys.Stranger().PublicKey)})
	assert.Equal(t, signing, r.Current().Signing)
	r.Promote(next)
	r.Refresh()
	assert.Equal(t, next, r.Current().Signing)
	assert.Equal(t, signing, r.Current().Next)
}

// InUse and Directories return the rings in use and the directories of their files,
// including the targets of links.
func TestInUse(t *testing.T) {
	mounted := testkeys.MountSecret(t, map[string]string{"private.key": testkeys.PrivatePEM(testkeys.Merchant())})
	public := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	signs := open(t, Config{Source: inFile(t, mounted.Path("private.key"))})
	verifies := open(t, Config{GatewayFiles: []string{public}})
	assert.Empty(t, InUse())
	assert.Empty(t, Directories())
	assert.NotContains(t, measured(t), "key_info "+fingerprint(signs)+" file")

	signs.Use()
	verifies.Use()
	assert.ElementsMatch(t, []*Ring{signs, verifies}, InUse())
	behind, err := filepath.EvalSymlinks(mounted.Path("private.key"))
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{filepath.Dir(mounted.Path("private.key")), filepath.Dir(behind), filepath.Dir(public)}, Directories())
	values := measured(t)
	assert.Equal(t, 1.0, values["key_info "+fingerprint(signs)+" file"])
	assert.Equal(t, 0.0, values["key_degraded "+fingerprint(signs)+" file"])
	assert.InDelta(t, signs.Current().Loaded.Unix(), values["key_last_load_timestamp_seconds "+fingerprint(signs)+" file"], 1, "seconds")
	assert.Equal(t, 1.0, values["key_info "+signer.Fingerprint(&testkeys.Gateway().PublicKey)+" gateway_public_key"])

	signs.Release()
	verifies.Release()
	assert.Empty(t, InUse())
	assert.Empty(t, Directories())
}

// remote is a source whose key is not in a file.
type remote struct {
	key    *rsa.PrivateKey
	fail   error  // the error that Sign returns, unless nil
	before func() // called before signing, unless nil
}

func (r *remote) Key() (crypto.Signer, string, error) {
	return &remoteKey{r.key, r.fail, r.before}, signer.Fingerprint(&r.key.PublicKey), nil
}

// remoteKey is a key that can fail to sign, or sign late.
type remoteKey struct {
	*rsa.PrivateKey
	fail   error
	before func()
}

func (k *remoteKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.before != nil {
		k.before()
	}
	if k.fail != nil {
		return nil, k.fail
	}
	return k.PrivateKey.Sign(random, digest, opts)
}

// A new key that could not sign at first is used once it can, although nothing else has
// changed. Until then, the failure is counted and logged once.
func TestRefusedKeyIsTriedAgain(t *testing.T) {
	elsewhere := &remote{key: testkeys.Merchant()}
	core, logs := observer.New(zap.InfoLevel)
	r := open(t, Config{Source: &NamedSource{elsewhere, "kms"}, Logger: zap.New(core)})
	before := measured(t)["key_reload_failures_total"]

	elsewhere.key, elsewhere.fail = testkeys.Next(), errors.New("503 Service Unavailable")
	for range 3 {
		r.Refresh()
		assert.Equal(t, signer.Fingerprint(&testkeys.Merchant().PublicKey), fingerprint(r))
		assert.Contains(t, r.Refused(), "key kms: self-test: ")
	}
	assert.Equal(t, before+1, measured(t)["key_reload_failures_total"])
	said := logs.TakeAll()
	require.Len(t, said, 1)
	assert.Equal(t, "the new keys cannot be used; the last good ones stay in use", said[0].Message)
	assert.Equal(t, zap.ErrorLevel, said[0].Level)
	assert.Contains(t, said[0].ContextMap()["reason"], "503 Service Unavailable")
	assert.Equal(t, signer.Fingerprint(&testkeys.Merchant().PublicKey), said[0].ContextMap()["fingerprint"])

	elsewhere.fail = nil
	r.Refresh()
	assert.Equal(t, signer.Fingerprint(&testkeys.Next().PublicKey), fingerprint(r))
	assert.Empty(t, r.Refused())
	said = logs.TakeAll()
	require.Len(t, said, 1)
	assert.Equal(t, "keys reloaded", said[0].Message)
	assert.Equal(t, map[string]any{
		"fingerprint": signer.Fingerprint(&testkeys.Next().PublicKey), "previous_fingerprint": signer.Fingerprint(&testkeys.Merchant().PublicKey),
		"next_fingerprint": "", "engine": "",
	}, said[0].ContextMap())
	r.Refresh()
	assert.Empty(t, logs.All(), "nothing has changed since")
}

// Each generation that is refused is logged and counted once, even if the one before it was
// refused as well.
func TestEachRefusedGenerationIsLogged(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	path := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	r := open(t, Config{GatewayFiles: []string{path}, Logger: zap.New(core)})
	before := measured(t)["key_reload_failures_total"]
	for i, text := range []string{"no key", testkeys.PrivatePEM(testkeys.Merchant()), "no key"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		for range 2 {
			r.Refresh()
			require.NotEmpty(t, r.Refused())
		}
		assert.Equal(t, i+1, logs.Len())
		assert.Equal(t, before+float64(i+1), measured(t)["key_reload_failures_total"])
	}
}

// A key that cannot make PayerMax's signature is refused before a call needs it.
func TestKeysThatCannotSign(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		source Source
		want   string
	}{
		"no RSA":            {fixed{curve}, "key kms: the key is a *ecdsa.PublicKey, but PayerMax's signature needs RSA"},
		"no signature":      {&remote{key: testkeys.Merchant(), fail: errors.New("permission denied")}, "key kms: self-test: "},
		"another's":         {fixed{impostor{testkeys.Merchant()}}, "key kms: self-test: "},
		"no key version":    {&remote{key: testkeys.Merchant()}, "key_version: it is empty"},
		"no key at present": {nowhere{}, "key kms: it is away"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := try(Config{Source: &NamedSource{test.source, "kms"}, KeyVersion: func() (string, error) {
				if name == "no key version" {
					return "", errors.New(test.want)
				}
				return "1", nil
			}})
			assert.ErrorContains(t, err, test.want)
		})
	}
}

// fixed is a source with a key of any kind.
type fixed struct{ key crypto.Signer }

func (f fixed) Key() (crypto.Signer, string, error) { return f.key, "sha256:00", nil }

// impostor has a public key that does not belong to its private key.
type impostor struct{ crypto.Signer }

func (impostor) Public() crypto.PublicKey { return &testkeys.Stranger().PublicKey }

// nowhere is a source whose key cannot be reached.
type nowhere struct{}

func (nowhere) Key() (crypto.Signer, string, error) { return nil, "", errors.New("it is away") }

// A generation that changes while it is read is read again. One that keeps changing is
// refused.
func TestGenerationThatChangesWhileItIsRead(t *testing.T) {
	asked, rest := 0, 5
	version := func() (string, error) {
		asked = min(asked+1, rest)
		return strconv.Itoa(asked), nil
	}
	source := inFile(t, testkeys.WritePrivate(t, testkeys.Merchant()))
	assert.Equal(t, "5", open(t, Config{Source: source, KeyVersion: version}).Current().KeyVersion)

	asked, rest = 0, 1000
	_, err := try(Config{Source: source, KeyVersion: version})
	assert.EqualError(t, err, "the key files change faster than they can be read")
}

// Changes that are not in files are followed as well: of a remote key, whether it is the
// current key or the next one, and of the key version.
func TestChangesBesideFilesAreFollowed(t *testing.T) {
	file := inFile(t, testkeys.WritePrivate(t, testkeys.Merchant()))
	elsewhere := &remote{key: testkeys.Next()}
	version := "1"
	keyVersion := func() (string, error) { return version, nil }
	changed := signer.Fingerprint(&testkeys.Stranger().PublicKey)
	for name, test := range map[string]struct {
		config  Config
		change  func()
		isTaken func(Generation) bool
	}{
		"the key that signs": {
			Config{Source: &NamedSource{elsewhere, "kms"}},
			func() { elsewhere.key = testkeys.Stranger() },
			func(g Generation) bool { return g.Signing.Fingerprint == changed },
		},
		"the next key of one in a file": {
			Config{Source: file, Next: &NamedSource{elsewhere, "kms"}},
			func() { elsewhere.key = testkeys.Stranger() },
			func(g Generation) bool { return g.Next.Fingerprint == changed },
		},
		"the key that signs, beside one in a file": {
			Config{Source: &NamedSource{elsewhere, "kms"}, Next: file},
			func() { elsewhere.key = testkeys.Stranger() },
			func(g Generation) bool { return g.Signing.Fingerprint == changed },
		},
		"the key version": {
			Config{Source: file, KeyVersion: keyVersion},
			func() { version = "2" },
			func(g Generation) bool { return g.KeyVersion == "2" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			elsewhere.key, version = testkeys.Next(), "1"
			r := open(t, test.config)
			r.Refresh()
			assert.False(t, test.isTaken(r.Current()))
			test.change()
			r.Refresh()
			assert.True(t, test.isTaken(r.Current()))
		})
	}
}

// Opening good keys logs no warnings.
func TestOpeningWarnsOfNothing(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	_, err := Open(Config{
		Source:     inFile(t, testkeys.WritePrivate(t, testkeys.Merchant())),
		KeyVersion: func() (string, error) { return "1", nil },
		Logger:     zap.New(core),
	})
	require.NoError(t, err)
	assert.Empty(t, logs.All())
}
