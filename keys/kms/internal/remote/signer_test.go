package remote

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

var (
	testKey    = testkeys.Merchant()
	testDigest = sha256.Sum256([]byte(`{"data":{}}`))
)

// honest signs as the remote key should.
func honest(_ context.Context, digest []byte) ([]byte, error) {
	return rsa.SignPKCS1v15(nil, testKey, crypto.SHA256, digest)
}

// after signs after a while, and gives up when the context ends.
func after(d time.Duration) SignFunc {
	return func(ctx context.Context, digest []byte) ([]byte, error) {
		select {
		case <-time.After(d):
			return honest(ctx, digest)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// stubborn signs after a while, even if its context has ended.
func stubborn(d time.Duration) SignFunc {
	return func(ctx context.Context, digest []byte) ([]byte, error) {
		time.Sleep(d)
		return honest(ctx, digest)
	}
}

func broken(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("connection refused")
}

func sign(s *Signer) error {
	_, err := s.SignContext(context.Background(), testDigest[:], crypto.SHA256)
	return err
}

// open opens the breaker with as many failures as it takes.
func open(t *testing.T, s *Signer) {
	t.Helper()
	for range DefaultFailures {
		require.ErrorIs(t, sign(s), ErrUnavailable)
	}
}

func TestSignature(t *testing.T) {
	s := New(&testKey.PublicKey, honest, Options{})
	assert.Equal(t, &testKey.PublicKey, s.Public())

	signature, err := s.Sign(rand.Reader, testDigest[:], crypto.SHA256)
	require.NoError(t, err)
	assert.NoError(t, rsa.VerifyPKCS1v15(&testKey.PublicKey, crypto.SHA256, testDigest[:], signature))
}

func TestOnlyWhatPayerMaxWants(t *testing.T) {
	s := New(&testKey.PublicKey, func(context.Context, []byte) ([]byte, error) {
		t.Error("the remote side was asked")
		return nil, nil
	}, Options{})
	for name, test := range map[string]struct {
		digest []byte
		opts   crypto.SignerOpts
		want   string
	}{
		"PSS":          {testDigest[:], &rsa.PSSOptions{Hash: crypto.SHA256}, "PSS"},
		"SHA-512":      {make([]byte, 64), crypto.SHA512, "only RSASSA-PKCS1-v1_5 with SHA-256"},
		"no hash":      {testDigest[:], crypto.Hash(0), "only RSASSA-PKCS1-v1_5 with SHA-256"},
		"no options":   {testDigest[:], nil, "only RSASSA-PKCS1-v1_5 with SHA-256"},
		"short digest": {testDigest[:31], crypto.SHA256, "has 32 bytes, this one has 31"},
		"no digest":    {nil, crypto.SHA256, "has 32 bytes, this one has 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.SignContext(context.Background(), test.digest, test.opts)
			require.ErrorContains(t, err, test.want)
			assert.NotErrorIs(t, err, ErrUnavailable)
		})
	}
}

func TestDeadline(t *testing.T) {
	for name, remote := range map[string]SignFunc{
		"honours the context": after(time.Minute),
		"ignores the context": stubborn(time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(&testKey.PublicKey, remote, Options{})
				begin := time.Now()
				err := sign(s)
				assert.ErrorIs(t, err, ErrUnavailable)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, DefaultTimeout, time.Since(begin))
				time.Sleep(time.Minute) // until the abandoned call returns
			})
		})
	}
}

func TestRequestDeadlineApplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(&testKey.PublicKey, after(time.Minute), Options{})
		for range DefaultFailures {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_, err := s.SignContext(ctx, testDigest[:], crypto.SHA256)
			cancel()
			assert.ErrorIs(t, err, ErrUnavailable)
		}
		begin := time.Now()
		assert.ErrorIs(t, sign(s), ErrUnavailable)
		assert.Zero(t, time.Since(begin), "the breaker is open")
	})
}

func TestCancellation(t *testing.T) {
	for name, remote := range map[string]SignFunc{
		"honours the context": after(time.Minute),
		"ignores the context": stubborn(time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(&testKey.PublicKey, remote, Options{Failures: 1})
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(300*time.Millisecond, cancel)
				begin := time.Now()
				_, err := s.SignContext(ctx, testDigest[:], crypto.SHA256)
				assert.ErrorIs(t, err, context.Canceled)
				assert.NotErrorIs(t, err, ErrUnavailable)
				assert.Equal(t, 300*time.Millisecond, time.Since(begin))

				_, _, admitted := s.breaker.admit()
				assert.True(t, admitted, "a cancelled request is no failure")
				time.Sleep(time.Minute) // until the abandoned call returns
			})
		})
	}
}

func TestCancelledRequestIsNotSent(t *testing.T) {
	s := New(&testKey.PublicKey, func(context.Context, []byte) ([]byte, error) {
		t.Error("the remote side was asked")
		return nil, nil
	}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.SignContext(ctx, testDigest[:], crypto.SHA256)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestBadSignatureIsNeverReturned(t *testing.T) {
	other := testkeys.Stranger()
	for name, remote := range map[string]SignFunc{
		"flipped bit": func(ctx context.Context, digest []byte) ([]byte, error) {
			signature, err := honest(ctx, digest)
			signature[17] ^= 4
			return signature, err
		},
		"rotated key": func(_ context.Context, digest []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(nil, other, crypto.SHA256, digest)
		},
		"PSS": func(_ context.Context, digest []byte) ([]byte, error) {
			return rsa.SignPSS(rand.Reader, testKey, crypto.SHA256, digest, nil)
		},
		"another hash": func(context.Context, []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(nil, testKey, crypto.SHA512, make([]byte, 64))
		},
		"nothing": func(context.Context, []byte) ([]byte, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := New(&testKey.PublicKey, remote, Options{Failures: 1})
			signature, err := s.SignContext(t.Context(), testDigest[:], crypto.SHA256)
			assert.Nil(t, signature)
			assert.ErrorIs(t, err, ErrBadSignature)
			assert.NotErrorIs(t, err, ErrUnavailable)
			assert.ErrorIs(t, sign(s), ErrUnavailable, "it is a failure")
		})
	}
}

func TestPanicBecomesAnError(t *testing.T) {
	s := New(&testKey.PublicKey, func(context.Context, []byte) ([]byte, error) { panic("pin-value=1234") }, Options{MaxInFlight: 1})
	for range 2 {
		err := sign(s)
		assert.ErrorIs(t, err, ErrUnavailable)
		assert.ErrorContains(t, err, "panicked")
		assert.NotContains(t, err.Error(), "1234")
	}
}

func TestDigestIsCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen [sha256.Size]byte
		s := New(&testKey.PublicKey, func(_ context.Context, digest []byte) ([]byte, error) {
			time.Sleep(time.Minute)
			copy(seen[:], digest)
			return nil, nil
		}, Options{})
		digest := testDigest
		_, err := s.SignContext(t.Context(), digest[:], crypto.SHA256)
		require.Error(t, err)
		clear(digest[:])
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, testDigest, seen)
	})
}
