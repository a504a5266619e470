package signer

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	mathrand "math/rand/v2"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// For thousands of random bodies and keys, the signatures are the same as those of a
// second implementation, in another language, that is written only from the definition.
func TestSignLikePython(t *testing.T) {
	python := testtool.Find(t, "python3")
	const keys, bodies, signed = 3, 700, 15
	random := mathrand.New(mathrand.NewPCG(mathrand.Uint64(), mathrand.Uint64()))

	var cases bytes.Buffer
	encoder := json.NewEncoder(&cases)
	for range keys {
		key := testkeys.New(2048)
		for i := range bodies {
			body := make([]byte, random.IntN(2000))
			_, err := rand.Read(body)
			require.NoError(t, err)
			sign, err := Sign(t.Context(), key, body)
			require.NoError(t, err)
			exponent := "0" // signing is slow in Python, so it only verifies the others
			if i < signed {
				exponent = key.D.Text(16)
			}
			require.NoError(t, encoder.Encode(map[string]any{
				"n": key.N.Text(16), "e": strconv.FormatInt(int64(key.E), 16), "d": exponent, "body": body, "sign": sign,
			}))
		}
	}
	python3 := exec.CommandContext(t.Context(), python, "testdata/rsa.py")
	python3.Stdin = &cases
	said, err := python3.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Equal(t, "2100 compared\n", string(said))
}
