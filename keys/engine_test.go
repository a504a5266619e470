package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-payermax/caddy-payermax/internal/rsabatch"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// inBatches returns the source of a key in a file, with the engine batch.
func inBatches(t *testing.T, key *rsa.PrivateKey) *NamedSource {
	t.Helper()
	return load(t, fmt.Sprintf(`{"source":"file","path":%q,"engine":"batch"}`, testkeys.WritePrivate(t, key)))
}

// needBatches skips a test if this machine does not support the engine batch.
func needBatches(t *testing.T) {
	t.Helper()
	if err := rsabatch.Supported(); err != nil {
		t.Skip("there is no engine to test here: " + err.Error())
	}
}

// A key with the engine makes the same signatures as crypto/rsa, counts as a local key,
// and the metrics name the engine.
func TestBatchEngine(t *testing.T) {
	needBatches(t)
	r := open(t, Config{Source: inBatches(t, testkeys.Merchant()), Next: inFile(t, testkeys.WritePrivate(t, testkeys.Next()))})
	current := r.Current()
	assert.Equal(t, "batch", current.Signing.Engine())
	assert.Equal(t, "crypto/rsa", current.Next.Engine())
	assert.Equal(t, signer.Fingerprint(&testkeys.Merchant().PublicKey), current.Signing.Fingerprint)

	_, isRemote := current.Signing.Private.(signer.ContextSigner)
	assert.False(t, isRemote)
	assert.Implements(t, (*signer.BatchSigner)(nil), current.Signing.Private)

	got, err := signer.Sign(t.Context(), current.Signing.Private, []byte("a body"))
	require.NoError(t, err)
	want, err := signer.Sign(t.Context(), testkeys.Merchant(), []byte("a body"))
	require.NoError(t, err)
	assert.Equal(t, want, got)

	r.Use()
	t.Cleanup(r.Release)
	values := measured(t)
	assert.Equal(t, 1.0, values["signing_engine_info batch "+fingerprint(r)+" file"])
	assert.Contains(t, values, "engine_failures_total")
	r.Promote(current.Next)
	values = measured(t)
	assert.Equal(t, 1.0, values["signing_engine_info crypto/rsa "+fingerprint(r)+" file"])
	assert.NotContains(t, values, "signing_engine_unavailable batch "+fingerprint(r)+" file")
}

// As a crypto.Signer, the key supports all signature options.
func TestBatchKeyIsASigner(t *testing.T) {
	needBatches(t)
	key, err := newBatchKey(testkeys.Merchant())
	require.NoError(t, err)
	public := key.Public().(*rsa.PublicKey)
	short := sha256.Sum256([]byte("a body"))
	signature, err := key.Sign(rand.Reader, short[:], crypto.SHA256)
	require.NoError(t, err)
	assert.NoError(t, rsa.VerifyPKCS1v15(public, crypto.SHA256, short[:], signature))

	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	signature, err = key.Sign(rand.Reader, short[:], pss)
	require.NoError(t, err)
	assert.NoError(t, rsa.VerifyPSS(public, crypto.SHA256, short[:], signature, pss))

	long := make([]byte, crypto.SHA512.Size())
	signature, err = key.Sign(rand.Reader, long, crypto.SHA512)
	require.NoError(t, err)
	assert.NoError(t, rsa.VerifyPKCS1v15(public, crypto.SHA512, long, signature))

	// A hash of the same length as SHA-256 is still a different hash.
	signature, err = key.Sign(rand.Reader, short[:], crypto.SHA512_256)
	require.NoError(t, err)
	assert.NoError(t, rsa.VerifyPKCS1v15(public, crypto.SHA512_256, short[:], signature))

	_, err = key.Sign(rand.Reader, short[:20], crypto.SHA256)
	assert.Error(t, err)
}

// If the engine cannot sign with the key, crypto/rsa does, and a warning says why.
func TestBatchEngineFallsBackLoudly(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	source := inBatches(t, testkeys.Large())
	source.Source.(*File).logger = zap.New(core)
	r := open(t, Config{Source: source})
	assert.Equal(t, "crypto/rsa", r.Current().Signing.Engine())
	assert.Equal(t, testkeys.Large(), r.Current().Signing.Private)
	r.Use()
	t.Cleanup(r.Release)
	assert.Equal(t, 1.0, measured(t)["signing_engine_unavailable batch "+fingerprint(r)+" file"])
	warnings := logs.FilterMessage("the configured engine cannot be used; crypto/rsa signs").All()
	require.Len(t, warnings, 1)
	reason := warnings[0].ContextMap()["reason"].(string)
	if rsabatch.Supported() == nil {
		assert.Equal(t, "the key has 3072 bits, and batches are for 2048", reason)
	} else {
		assert.Equal(t, rsabatch.Supported().Error(), reason)
	}
}

// A signature that did not verify is counted, and a metric shows from then on that the
// engine is off.
func TestEngineFailuresAreCounted(t *testing.T) {
	t.Cleanup(func() { engineOff.Set(0) })
	before := measured(t)
	assert.Zero(t, before["engine_off"])
	engineFailed()
	after := measured(t)
	assert.Equal(t, before["engine_failures_total"]+1, after["engine_failures_total"])
	assert.Equal(t, 1.0, after["engine_off"])
}

// The default engine is crypto/rsa. An engine that does not exist is an error in JSON as
// well.
func TestEnginesThatExist(t *testing.T) {
	r := open(t, Config{Source: inFile(t, testkeys.WritePrivate(t, testkeys.Merchant()))})
	assert.Equal(t, "crypto/rsa", r.Current().Signing.Engine())
	assert.Empty(t, Key{Private: elsewhere{testkeys.Merchant()}}.Engine())

	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	o := &owner{json.RawMessage(`{"source":"file","path":"private.key","engine":"openssl"}`)}
	_, err := LoadSource(ctx, o, "KeyRaw", o.KeyRaw)
	assert.ErrorContains(t, err, `engine: "openssl" is not an engine; write batch, or remove the option to use crypto/rsa`)
	err = new(File).UnmarshalCaddyfile(caddyfile.NewTestDispenser("file private.key {\nengine crypto/rsa\n}"))
	assert.ErrorContains(t, err, "engine must be batch, or be left out for crypto/rsa, but is ")
}

// elsewhere is a key of a type that this package does not know.
type elsewhere struct{ crypto.Signer }

// The warning that the engine cannot be used is logged once for each key, however often
// the key is read.
func TestEngineThatCannotBeUsedIsLoggedOnce(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	path := testkeys.WritePrivate(t, testkeys.Large()) // a size that the engine does not support
	f := &File{Engine: engineBatch, path: path, logger: zap.New(core)}
	for range 3 {
		_, _, err := f.Key()
		require.NoError(t, err)
	}
	assert.Len(t, logs.FilterMessageSnippet("the configured engine cannot be used").All(), 1)
}
