package diagnosis

import (
	"crypto/rsa"
	"crypto/sha512"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

func TestUnusableKeys(t *testing.T) {
	s := sign(t, testkeys.Merchant(), request)
	for name, key := range map[string]*rsa.PublicKey{
		"nil":          nil,
		"no modulus":   {E: 65537},
		"even modulus": {N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537},
		"negative":     {N: new(big.Int).Neg(testkeys.Merchant().N), E: 65537},
		"tiny":         {N: big.NewInt(15), E: 3},
		"enormous":     {N: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 16384), big.NewInt(1)), E: 3},
		"exponent 1":   {N: testkeys.Merchant().N, E: 1},
	} {
		assert.Equal(t, UnusableKey, Diagnose(key, []byte(request), s).Cause, name)
	}
}

// A large body must not make the search take forever or fill the memory.
func TestHostileBodies(t *testing.T) {
	unknown := sha512.Sum512([]byte("unknown"))
	s := sign(t, testkeys.Merchant(), string(unknown[:]))
	for name, body := range map[string]string{
		"deep":            strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000),
		"wide":            `{"data":{` + strings.Repeat(`"a":null,`, 7000) + `"b":"é/<='` + "\u2028" + `","c":15.00,"d":{}}}`,
		"peculiar":        `{"requestTime":"2026-01-02T03:04:05.006+00:00","data":[` + strings.Repeat(`{"b":null,"a":{},"c":1.50,"d":"/é<=`+"\u2028"+`"},`, 1100) + `1]}`,
		"large":           strings.Repeat("x", 1<<20),
		"many duplicates": `{` + strings.Repeat(`"a":1,`, 10000) + `"b":2}`,
		"bomb":            compressed(t, strings.Repeat("\x00", 6<<20), "gzip"),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, OtherBytes, Diagnose(&testkeys.Merchant().PublicKey, []byte(body), s).Cause)
		})
	}
}
