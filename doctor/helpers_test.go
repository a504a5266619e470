package doctor

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// fileKey returns a key in a file, as the configuration names it.
func fileKey(path string) *Key { return &Key{Source: SourceFile, Path: value("private_key", path)} }

// value returns a valid option.
func value(name, value string) Option { return Option{Name: name, Value: value} }

// requireSilent checks that a text contains no part of a key in any encoding.
func requireSilent(t *testing.T, text string, keys ...*rsa.PrivateKey) {
	t.Helper()
	for _, key := range keys {
		for _, der := range [][]byte{testkeys.PKCS8(key), testkeys.PKCS1(key)} {
			testkeys.RequireSilent(t, text, testkeys.OneLine(der), 16)
		}
	}
}

// only returns the result of the named check, which must occur exactly once.
func only(t *testing.T, results []Result, check string) Result {
	t.Helper()
	var found []Result
	for _, r := range results {
		if r.Check == check {
			found = append(found, r)
		}
	}
	require.Len(t, found, 1, "results of %s in %v", check, results)
	return found[0]
}

// distantKey is a key outside the process.
type distantKey struct {
	key   *rsa.PrivateKey
	delay time.Duration
	fails bool
}

func (k distantKey) Public() crypto.PublicKey { return k.key.Public() }

func (k distantKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	time.Sleep(k.delay)
	if k.fails {
		return nil, errors.New("the HSM is asleep")
	}
	return k.key.Sign(random, digest, opts)
}
