package rsabatch

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// askSupported makes the test binary print what Supported returns, and exit.
const askSupported = "RSABATCH_ASK_SUPPORTED"

func TestMain(m *testing.M) {
	if os.Getenv(askSupported) != "" {
		if err := Supported(); err != nil {
			os.Stdout.WriteString(err.Error())
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// If there is no engine, there is a reason: on a CPU without the instructions, on a system
// that does not save the registers, in which case the CPU features are not reported, and in
// FIPS mode.
func TestSupported(t *testing.T) {
	for debug, reason := range map[string]string{
		"cpu.avx512ifma=off": "AVX-512 IFMA",
		"cpu.avx512vl=off":   "AVX-512 IFMA",
		"cpu.avx512f=off":    "AVX-512 IFMA",
		"cpu.avx512=off":     "AVX-512 IFMA",
		"cpu.all=off":        "AVX-512 IFMA",
		"fips140=on":         "FIPS 140-3",
	} {
		t.Run(debug, func(t *testing.T) {
			if debug == "fips140=on" && wide.lanes == 0 {
				t.Skip("Go has no FIPS mode in a build without assembly")
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), askSupported+"=1", "GODEBUG="+debug)
			said, err := cmd.Output()
			require.NoError(t, err)
			assert.Contains(t, string(said), reason)
		})
	}
}

// A key that the engine cannot sign with is refused, with a reason that contains none of its
// digits.
func TestKeysThatDoNotFit(t *testing.T) {
	generate := func(bits int) *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		return key
	}
	primeOf := func(bits int) *big.Int {
		start, err := rand.Prime(rand.Reader, bits)
		require.NoError(t, err)
		return primeFrom(start, 2)
	}
	damaged := *someKey()
	damaged.D = new(big.Int).Add(damaged.D, big.NewInt(2))
	multi := *someKey()
	multi.Primes = []*big.Int{multi.Primes[0], multi.Primes[1], big.NewInt(3)}
	for name, c := range map[string]struct {
		key    *rsa.PrivateKey
		reason string
	}{
		"1024 bits":           {generate(1024), "the key has 1024 bits, and batches are for 2048"},
		"3072 bits":           {generate(3072), "the key has 3072 bits, and batches are for 2048"},
		"three primes":        {&multi, "the key has 3 primes, and batches are for two"},
		"unequal primes":      {keyOf(primeOf(1000), primeOf(1048)), "the key's primes have 1000 and 1048 bits, and batches are for 1024 each"},
		"numbers that differ": {&damaged, "the key's numbers do not fit together"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewKey(c.key)
			assert.EqualError(t, err, c.reason)
		})
	}
}
