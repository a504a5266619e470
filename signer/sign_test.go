package signer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

func docsKey(t testing.TB) *rsa.PublicKey {
	t.Helper()
	key, err := ReadPublicKeyFile("testdata/docs_example_public.pem")
	require.NoError(t, err)
	return key
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, into))
}

type vector struct {
	Name, Why, Sign string
	Body            string `json:"body_utf8"`
	SHA256          string `json:"body_sha256"`
}

func TestVerifyKnownAnswers(t *testing.T) {
	var vectors struct{ Positive, Negative []vector }
	readJSON(t, "testdata/sign_vectors.json", &vectors)
	require.Len(t, vectors.Positive, 12)
	require.Len(t, vectors.Negative, 6)
	key := docsKey(t)

	for _, v := range vectors.Positive {
		t.Run(v.Name, func(t *testing.T) {
			sum := sha256.Sum256([]byte(v.Body))
			require.Equal(t, v.SHA256, hex.EncodeToString(sum[:]), "the vector's own body")
			assert.NoError(t, Verify(key, []byte(v.Body), v.Sign))
			assert.ErrorIs(t, Verify(key, []byte(v.Body+" "), v.Sign), ErrSignatureMismatch)
			assert.ErrorIs(t, Verify(&testkeys.Merchant().PublicKey, []byte(v.Body), v.Sign), ErrSignatureMismatch)
		})
	}
	for _, v := range vectors.Negative {
		t.Run(v.Name, func(t *testing.T) {
			assert.ErrorIs(t, Verify(key, []byte(v.Body), v.Sign), ErrSignatureMismatch, v.Why)
		})
	}
}

// The sample that PayerMax prints on every page of its reference is a signature with the
// example key that it publishes. The signed body is not published, so only the digest is
// known. The sample proves that PayerMax uses this padding and this hash.
func TestVerifyPublishedSample(t *testing.T) {
	var sample struct {
		Digest  string `json:"digest_sha256_hex"`
		Sign    string `json:"sign_base64"`
		OneLine string `json:"public_key_spki_base64_one_line"`
	}
	readJSON(t, "testdata/rsa_docs_vector.json", &sample)
	key := docsKey(t)

	fromOneLine, err := ParsePublicKey([]byte(sample.OneLine))
	require.NoError(t, err)
	assert.True(t, key.Equal(fromOneLine))

	signature, err := decodeSignature(sample.Sign, key.Size())
	require.NoError(t, err)
	digest, err := hex.DecodeString(sample.Digest)
	require.NoError(t, err)
	assert.NoError(t, rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, signature))
	assert.ErrorIs(t, Verify(key, digest, sample.Sign), ErrSignatureMismatch, "the digest is not the body")
}

var bodies = map[string]string{
	"empty":      "",
	"one byte":   "\x00",
	"request":    `{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"a","merchantNo":"m","data":{"subject":"60鑽石 <b>&` + "\u2028" + `"}}`,
	"line feeds": "{\r\n}\n",
	"not UTF-8":  "\xff\xfe\x80",
	"64 KiB":     strings.Repeat("0123456789abcdef", 4096),
}

func TestSignIsDeterministicAndVerifies(t *testing.T) {
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			sign, err := Sign(context.Background(), testkeys.Merchant(), []byte(body))
			require.NoError(t, err)
			assert.Len(t, sign, 344, "always, for 2048 bits")
			again, err := Sign(context.Background(), testkeys.Merchant(), []byte(body))
			require.NoError(t, err)
			assert.Equal(t, sign, again)
			assert.NoError(t, Verify(&testkeys.Merchant().PublicKey, []byte(body), sign))
			assert.ErrorIs(t, Verify(&testkeys.Stranger().PublicKey, []byte(body), sign), ErrSignatureMismatch)
		})
	}
}

// OpenSSL is an independent implementation: it must accept our signature, and make the
// same one.
func TestSignAgreesWithOpenSSL(t *testing.T) {
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			sign, err := Sign(context.Background(), testkeys.Merchant(), []byte(body))
			require.NoError(t, err)
			signature, err := base64.StdEncoding.DecodeString(sign)
			require.NoError(t, err)
			files := map[string]string{
				"body":        body,
				"signature":   string(signature),
				"private.pem": testkeys.PrivatePEM(testkeys.Merchant()),
				"public.pem":  testkeys.PublicPEM(&testkeys.Merchant().PublicKey),
			}
			verdict := openssl(t, files, "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "body")
			assert.Contains(t, verdict, "Verified OK")
			theirs := openssl(t, files, "dgst", "-sha256", "-sign", "private.pem", "body")
			assert.Equal(t, []byte(theirs), signature)
		})
	}
}

// A signature of the wrong length was most likely made with another key, so the error names
// the sizes.
func TestVerifySaysTheSizes(t *testing.T) {
	sign, err := Sign(context.Background(), testkeys.Large(), nil)
	require.NoError(t, err)
	bits := testkeys.Large().N.BitLen()
	assert.ErrorContains(t, Verify(&testkeys.Merchant().PublicKey, nil, sign), fmt.Sprintf("has %d characters, but a 2048-bit key signs with 344", len(sign)))
	assert.ErrorContains(t, Verify(&testkeys.Large().PublicKey, nil, "AA=="), fmt.Sprintf("has 4 characters, but a %d-bit key signs with %d", bits, len(sign)))
}

// keyFunc is a key outside this process, such as in a KMS, that signs with a function.
type keyFunc struct {
	public crypto.PublicKey
	sign   func(digest []byte) ([]byte, error)
}

func (k keyFunc) Public() crypto.PublicKey { return k.public }

func (k keyFunc) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts != crypto.SHA256 {
		return nil, errors.New("not asked for PKCS #1 v1.5 with SHA-256")
	}
	return k.sign(digest)
}

// remoteKey is one that can give up when the request does.
type remoteKey struct{ keyFunc }

func (k remoteKey) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return k.Sign(nil, digest, opts)
}

func TestSignNeverReturnsWhatDoesNotVerify(t *testing.T) {
	key := testkeys.Merchant()
	right := func(digest []byte) ([]byte, error) { return rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest) }
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	unreachable := errors.New("the KMS cannot be reached")

	_, err = Sign(context.Background(), keyFunc{&key.PublicKey, right}, []byte("{}"))
	require.NoError(t, err)

	for name, test := range map[string]struct {
		key  crypto.Signer
		want string
	}{
		"no key": {nil, "no private key"},
		"EC key": {ec, "needs an RSA key"},
		"no answer": {keyFunc{&key.PublicKey, func([]byte) ([]byte, error) {
			return nil, unreachable
		}}, "cannot be reached"},
		"PSS": {keyFunc{&key.PublicKey, func(digest []byte) ([]byte, error) {
			return rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest, nil)
		}}, "does not verify"},
		"flipped bit": {keyFunc{&key.PublicKey, func(digest []byte) ([]byte, error) {
			signature, err := right(digest)
			signature[100] ^= 1
			return signature, err
		}}, "does not verify"},
		"empty signature": {keyFunc{&key.PublicKey, func([]byte) ([]byte, error) {
			return nil, nil
		}}, "does not verify"},
		"public key of another": {keyFunc{&testkeys.Stranger().PublicKey, right}, "does not verify"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, body := range [][]byte{nil, []byte("{}"), make([]byte, 1<<20)} {
				sign, err := Sign(context.Background(), test.key, body)
				assert.ErrorContains(t, err, test.want)
				assert.Empty(t, sign)
				if local, ok := test.key.(keyFunc); ok {
					sign, err = Sign(context.Background(), remoteKey{local}, body)
					assert.ErrorContains(t, err, test.want)
					assert.Empty(t, sign)
				}
			}
		})
	}
	_, err = Sign(context.Background(), remoteKey{keyFunc{&key.PublicKey, right}}, []byte("{}"))
	require.NoError(t, err)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Sign(over, remoteKey{keyFunc{&key.PublicKey, right}}, []byte("{}"))
	assert.ErrorIs(t, err, context.Canceled)
	_, err = Sign(context.Background(), keyFunc{&key.PublicKey, func([]byte) ([]byte, error) { return nil, unreachable }}, nil)
	assert.ErrorIs(t, err, unreachable, "so that timeouts can be told apart")
}

func TestVerifyIsStrictAboutBase64(t *testing.T) {
	key := testkeys.Merchant()
	body := []byte("{}")
	sign, err := Sign(context.Background(), key, body)
	require.NoError(t, err)
	large, err := Sign(context.Background(), testkeys.Large(), body)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(sign, "="))

	// The last character before the padding has unused bits, so other characters in its
	// place would decode to the same bytes.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	unpadded := strings.TrimRight(sign, "=")
	last := strings.IndexByte(alphabet, unpadded[len(unpadded)-1])
	spelling := unpadded[:len(unpadded)-1] + string(alphabet[last+1]) + strings.Repeat("=", len(sign)-len(unpadded))

	for name, malformed := range map[string]string{
		"missing":                   "",
		"no padding":                unpadded,
		"trailing line feed":        sign + "\n",
		"leading space":             " " + sign,
		"line break, same length":   sign[:100] + "\n" + sign[101:],
		"CRLF, same length":         sign[:100] + "\r\n" + sign[102:],
		"space, same length":        sign[:100] + " " + sign[101:],
		"URL-safe, same length":     sign[:100] + "-_" + sign[102:],
		"wrapped at 76":             sign[:76] + "\n" + sign[76:],
		"another spelling":          spelling,
		"cut":                       sign[:340],
		"shorter, padded":           sign[:336] + "AA==",
		"two":                       sign + "," + sign,
		"hexadecimal":               hex.EncodeToString([]byte(sign)),
		"of a larger key":           large,
		"one megabyte":              strings.Repeat("A", 1<<20),
		"padding in the middle":     sign[:100] + "=" + sign[101:],
		"not text":                  strings.Repeat("\x00", 344),
		"data after the padding":    sign[:340] + "A==A",
		"one byte more, one = less": sign[:342] + "A=",
		"two bytes more, no =":      sign[:342] + "AA",
		"= before the end":          sign[:343] + "A",
	} {
		t.Run(name, func(t *testing.T) {
			err := Verify(&key.PublicKey, body, malformed)
			require.ErrorIs(t, err, ErrSignatureMalformed)
			require.NotErrorIs(t, err, ErrSignatureMismatch)
			requireSilent(t, err.Error(), malformed)
		})
	}
	err = Verify(&key.PublicKey, body, strings.Repeat("A", 342)+"==")
	assert.ErrorIs(t, err, ErrSignatureMismatch, "well-formed, all zero")
}

func TestVerifyWithUnusableKey(t *testing.T) {
	sign := strings.Repeat("A", 342) + "=="
	for name, key := range map[string]*rsa.PublicKey{
		"nil":          nil,
		"no modulus":   {E: 65537},
		"even modulus": {N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537},
		"exponent 1":   {N: testkeys.Merchant().N, E: 1},
	} {
		t.Run(name, func(t *testing.T) {
			err := Verify(key, nil, sign)
			require.Error(t, err)
			assert.NotErrorIs(t, err, ErrSignatureMismatch)
			assert.NotErrorIs(t, err, ErrSignatureMalformed)
		})
	}
}

func FuzzVerify(f *testing.F) {
	key := testkeys.Merchant()
	sign, err := Sign(context.Background(), key, []byte("{}"))
	require.NoError(f, err)
	f.Add([]byte("{}"), sign)
	f.Add([]byte("{} "), sign)
	f.Add([]byte{}, "")
	f.Add([]byte("{}"), sign[:343]+"\n")
	f.Add([]byte("{}"), strings.Repeat("A", 342)+"==")
	f.Fuzz(func(t *testing.T, body []byte, candidate string) {
		err := Verify(&key.PublicKey, body, candidate)
		if err != nil {
			require.True(t, errors.Is(err, ErrSignatureMalformed) != errors.Is(err, ErrSignatureMismatch))
			return
		}
		right, err := Sign(context.Background(), key, body)
		require.NoError(t, err)
		require.Equal(t, right, candidate, "PKCS #1 v1.5 is deterministic, so no second text may verify")
	})
}

func BenchmarkSign(b *testing.B) {
	key, body := testkeys.Merchant(), []byte(bodies["request"])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Sign(context.Background(), key, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	key, body := testkeys.Merchant(), []byte(bodies["request"])
	sign, err := Sign(context.Background(), key, body)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if err := Verify(&key.PublicKey, body, sign); err != nil {
			b.Fatal(err)
		}
	}
}
