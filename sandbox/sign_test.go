package sandbox

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// docsPublicKey is the public half of the example key pair on PayerMax's page "Signature rules".
func docsPublicKey(t *testing.T) *rsa.PublicKey {
	t.Helper()
	text, err := os.ReadFile("testdata/docs_example_public.pem")
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	require.NotNil(t, block)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	return key.(*rsa.PublicKey)
}

type signVector struct {
	Name       string `json:"name"`
	Body       string `json:"body_utf8"`
	BodySHA256 string `json:"body_sha256"`
	Sign       string `json:"sign"`
}

func signVectors(t *testing.T) []signVector {
	t.Helper()
	text, err := os.ReadFile("testdata/sign_vectors.json")
	require.NoError(t, err)
	var vectors []signVector
	require.NoError(t, json.Unmarshal(text, &vectors))
	require.NotEmpty(t, vectors)
	return vectors
}

func TestVerifyKnownAnswers(t *testing.T) {
	key := docsPublicKey(t)
	for _, v := range signVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			digest := sha256.Sum256([]byte(v.Body))
			require.Equal(t, v.BodySHA256, hex.EncodeToString(digest[:]))
			assert.True(t, verify(key, []byte(v.Body), []string{v.Sign}))
			assert.False(t, verify(key, []byte(v.Body+"\n"), []string{v.Sign}))
			assert.False(t, verify(&testkeys.Merchant().PublicKey, []byte(v.Body), []string{v.Sign}))
		})
	}
}

// The whole gateway must accept PayerMax's own examples, at their requestTime.
func TestServeHTTPKnownAnswers(t *testing.T) {
	for _, v := range signVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			var sent struct {
				AppID       string    `json:"appId"`
				RequestTime time.Time `json:"requestTime"`
			}
			require.NoError(t, json.Unmarshal([]byte(v.Body), &sent))
			g, err := New(testkeys.Gateway(), Merchant{AppID: sent.AppID, PublicKey: docsPublicKey(t)})
			require.NoError(t, err)
			g.Clock = func() time.Time { return sent.RequestTime }
			assert.Equal(t, "APPLY_SUCCESS", readAnswer(t, g, serve(g, newRequest(v.Body, v.Sign))).Code)
		})
	}
}

func TestServeHTTPSignature(t *testing.T) {
	good := signWith(t, testkeys.Merchant(), validBody)
	require.Len(t, good, 344)
	for _, tt := range []struct {
		name  string
		body  string
		signs []string
		ok    bool
	}{
		{"valid", validBody, []string{good}, true},
		{"missing", validBody, nil, false},
		{"empty", validBody, []string{""}, false},
		{"twice the same", validBody, []string{good, good}, false},
		{"second wrong", validBody, []string{good, "x"}, false},
		{"first wrong", validBody, []string{"x", good}, false},
		{"two in one header", validBody, []string{good + ", " + good}, false},
		{"not base64", validBody, []string{"!" + good[1:]}, false},
		{"no padding", validBody, []string{strings.TrimRight(good, "=")}, false},
		{"wrapped", validBody, []string{good[:76] + "\n" + good[76:]}, false},
		{"URL alphabet", validBody, []string{strings.NewReplacer("+", "-", "/", "_").Replace(good[:340]) + "-_=="}, false},
		{"cut", validBody, []string{good[:340]}, false},
		{"hexadecimal", validBody, []string{strings.Repeat("ab", 256)}, false},
		{"other key", validBody, []string{signWith(t, testkeys.Stranger(), validBody)}, false},
		{"of other bytes", validBody, []string{signWith(t, testkeys.Merchant(), validBody+" ")}, false},
		{"tampered amount", strings.Replace(validBody, "10000", "10001", 1), []string{good}, false},
		{"trailing blank", validBody + " ", []string{good}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGateway(t)
			var seen Call
			g.OnCall = func(c Call) { seen = c }
			res := readAnswer(t, g, serve(g, newRequest(tt.body, tt.signs...)))
			assert.Equal(t, tt.ok, seen.Verified)
			if tt.ok {
				assert.Equal(t, "APPLY_SUCCESS", res.Code)
				return
			}
			assertRefused(t, res, "SIGN_VERIFY_FAILED", "The signature verify failed.")
		})
	}
}

// A change of any single byte after signing must be detected.
func TestServeHTTPEveryByteIsSigned(t *testing.T) {
	g := newGateway(t)
	good := signWith(t, testkeys.Merchant(), validBody)
	for i := range len(validBody) {
		body := []byte(validBody)
		body[i] ^= 1
		res := readAnswer(t, g, serve(g, newRequest(string(body), good)))
		assert.NotEqual(t, "APPLY_SUCCESS", res.Code, "byte %d", i)
	}
}

func TestSignRefusesAKeyItCannotUse(t *testing.T) {
	_, err := sign(&rsa.PrivateKey{}, nil)
	assert.Error(t, err)
}
