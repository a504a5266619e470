package doctor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func TestCheckKeyInFile(t *testing.T) {
	key := testkeys.Merchant()
	missing := filepath.Join(t.TempDir(), "missing.key")
	for name, test := range map[string]struct {
		key           Key
		outcome       Outcome
		message, next string
	}{
		"PEM":      {*fileKey(testkeys.WritePrivate(t, key)), OK, "RSA of 2048 bits, PEM (PKCS#8), fingerprint " + signer.Fingerprint(&key.PublicKey), ""},
		"one line": {*fileKey(testkeys.WriteFile(t, testkeys.OneLine(testkeys.PKCS8(key)))), OK, "one-line base64 (PKCS#8)", ""},

		"missing":          {*fileKey(missing), Problem, "missing.key: no such file or directory", "that the Secret is mounted"},
		"a directory":      {*fileKey(t.TempDir()), Problem, "it is a directory", ""},
		"a public key":     {*fileKey(testkeys.WritePublic(t, &key.PublicKey)), Problem, "it is a public key", ""},
		"1024 bits":        {*fileKey(testkeys.WritePrivate(t, testkeys.New(1024))), Problem, "1024 bits", ""},
		"cut":              {*fileKey(testkeys.WriteFile(t, testkeys.OneLine(testkeys.PKCS8(key))[:1000])), Problem, "cut short or damaged", ""},
		"the key itself":   {*fileKey(testkeys.OneLine(testkeys.PKCS8(key))), Problem, "the value looks like a key itself", ""},
		"no path":          {Key{Source: SourceFile, Path: Option{Name: "private_key"}}, Problem, "it is empty", "set it"},
		"empty variable":   {Key{Source: SourceFile, Path: Option{Name: "private_key", Empty: []string{"{env.KEY}"}}}, Problem, "{env.KEY} is empty or not set", "set the variable"},
		"unknown variable": {Key{Source: SourceFile, Path: Option{Name: "private_key", Error: errors.New("private_key: unrecognized placeholder {x}")}}, Problem, "unrecognized placeholder {x}", ""},
		"empty in part":    {Key{Source: SourceFile, Path: Option{Name: "private_key", Value: missing, Empty: []string{"{env.DIR}"}}}, Problem, "no such file", "{env.DIR} is empty or not set: set the variable"},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, results := checkKey("private key", test.key)
			result := only(t, results, "private key")
			assert.Equal(t, test.outcome, result.Outcome)
			assert.Contains(t, result.Message, test.message)
			assert.Contains(t, result.Next, test.next)
			assert.Equal(t, test.outcome == OK, loaded != nil)
			if test.outcome == OK {
				assert.Equal(t, OK, only(t, results, "private key self-test").Outcome)
				assert.Equal(t, OK, only(t, results, "private key file").Outcome)
			}
			for _, r := range results {
				requireSilent(t, r.Message+r.Next, key)
			}
		})
	}
}

func TestCheckKeyOfSource(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	returns := func(key crypto.Signer, err error) func() (crypto.Signer, error) {
		return func() (crypto.Signer, error) { return key, err }
	}
	for name, test := range map[string]struct {
		load          func() (crypto.Signer, error)
		outcome, sign Outcome
		message       string
	}{
		"good":      {returns(testkeys.Merchant(), nil), OK, OK, "RSA of 2048 bits in kms, fingerprint sha256:"},
		"not asked": {nil, NotChecked, "", "which --offline does not ask"},
		"refuses":   {returns(nil, errors.New("no permission to sign")), Problem, "", "kms: no permission to sign"},
		"quotes":    {returns(nil, errors.New("cannot parse "+testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())))), Problem, "", withheld},
		"EC":        {returns(ec, nil), Problem, "", "needs RSA"},
		"fails":     {returns(distantKey{key: testkeys.Merchant(), fails: true}, nil), OK, Problem, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, results := checkKey("next key", Key{Source: "kms", Load: test.load})
			result := only(t, results, "next key")
			assert.Equal(t, test.outcome, result.Outcome)
			assert.Contains(t, result.Message, test.message)
			requireSilent(t, result.Message, testkeys.Merchant())
			if test.sign != "" {
				assert.Equal(t, test.sign, only(t, results, "next key self-test").Outcome)
			}
		})
	}
}

// The configured engine signs; if it cannot, a warning says why.
func TestCheckEngine(t *testing.T) {
	path := testkeys.WritePrivate(t, testkeys.Merchant())
	engine := distantKey{key: testkeys.Merchant(), delay: slowSignature + 10*time.Millisecond}
	for name, test := range map[string]struct {
		fails   error
		outcome Outcome
		message string
		sign    Outcome
	}{
		"can":    {nil, OK, "the engine works, and signs", Warning},
		"cannot": {errors.New("the CPU is old"), Warning, "the engine cannot be used, so crypto/rsa signs, which takes more CPU time: the CPU is old", OK},
	} {
		_, results := checkKey("private key", Key{Source: SourceFile, Path: Option{Value: path}, WithEngine: func(*rsa.PrivateKey) (crypto.Signer, error) {
			return engine, test.fails
		}})
		result := only(t, results, "private key engine")
		assert.Equal(t, test.outcome, result.Outcome, name)
		assert.Equal(t, test.message, result.Message, name)
		assert.Equal(t, test.sign, only(t, results, "private key self-test").Outcome, name)
	}
}

func TestCheckSigning(t *testing.T) {
	for name, test := range map[string]struct {
		key     crypto.Signer
		outcome Outcome
		message string
	}{
		"good": {testkeys.Merchant(), OK, "a signature takes "},
		"slow": {distantKey{key: testkeys.Merchant(), delay: slowSignature + 10*time.Millisecond}, Warning, "every call has to wait that long"},
		"dead": {distantKey{key: testkeys.Merchant(), fails: true}, Problem, "the HSM is asleep"},
	} {
		result := checkSigning("private key", test.key)
		assert.Equal(t, test.outcome, result.Outcome, name)
		assert.Contains(t, result.Message, test.message, name)
	}
}

func TestJudgeFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes there")
	}
	path := testkeys.WriteFile(t, "")
	for _, test := range []struct {
		mode    os.FileMode
		user    int
		refuse  bool
		outcome Outcome
		says    string
	}{
		{0o400, 1000, false, OK, "has mode 0400 and belongs to user"},
		{0o440, 1000, true, OK, "has mode 0440"},
		{0o400, 0, false, OK, "this user, root, may read any file"},
		{0o444, 1000, false, Warning, "every user may read the key"},
		{0o644, 0, false, Warning, "every user may read the key"},
		{0o644, 1000, true, Problem, "refuse_world_readable forbids"},
		{0o602, 1000, false, Problem, "every user may replace the key"},
	} {
		require.NoError(t, os.Chmod(path, test.mode))
		info, err := os.Stat(path)
		require.NoError(t, err)
		result := judgeFile("private key file", path, info, test.user, test.refuse)
		assert.Equal(t, test.outcome, result.Outcome, "%04o", test.mode)
		assert.Contains(t, result.Message, test.says)
		assert.Equal(t, test.outcome != OK || test.user == 0, result.Next != "")
	}
}

func TestCheckPair(t *testing.T) {
	fits := testkeys.WritePublic(t, &testkeys.Merchant().PublicKey)
	for name, test := range map[string]struct {
		option  Option
		outcome Outcome
		message string
	}{
		"fits":           {value("merchant_public_key", fits), OK, "it belongs to the private key"},
		"does not fit":   {value("merchant_public_key", testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)), Problem, "does not belong to the private key, whose fingerprint is " + signer.Fingerprint(&testkeys.Merchant().PublicKey)},
		"not configured": {Option{Name: "merchant_public_key"}, NotChecked, "no merchant_public_key is configured"},
		"missing":        {value("merchant_public_key", fits+"s"), Problem, "no such file"},
		"empty":          {Option{Name: "merchant_public_key", Empty: []string{"{env.PUB}"}}, Problem, "{env.PUB} is empty"},
		"private":        {value("merchant_public_key", testkeys.WritePrivate(t, testkeys.Merchant())), Problem, "it is a private key"},
	} {
		result := checkPair(test.option, testkeys.Merchant())
		assert.Equal(t, "merchant public key", result.Check, name)
		assert.Equal(t, test.outcome, result.Outcome, name)
		assert.Contains(t, result.Message, test.message, name)
	}
}

// A next key that does not exist yet is not a problem, unless its directory is missing.
func TestNextKeyIsNotThereYet(t *testing.T) {
	m := goodMerchant(t, "")
	folder := t.TempDir()
	for path, want := range map[string]Outcome{filepath.Join(folder, "next.key"): OK, filepath.Join(folder, "none", "next.key"): Problem} {
		m.NextKey = fileKey(path)
		_, results := checkMerchant(m, false, nil)
		i := slices.IndexFunc(results, func(r Result) bool { return r.Check == "next key" })
		require.GreaterOrEqual(t, i, 0)
		assert.Equal(t, want, results[i].Outcome, path)
		assert.Contains(t, results[i].Message, path)
	}
}

func TestCheckNextKey(t *testing.T) {
	assert.Empty(t, checkNextKey(merchantKeys{signing: testkeys.Merchant(), next: testkeys.Next()}))
	assert.Empty(t, checkNextKey(merchantKeys{signing: testkeys.Merchant()}))
	same := checkNextKey(merchantKeys{signing: testkeys.Merchant(), next: testkeys.Merchant()})
	require.Len(t, same, 1)
	assert.Equal(t, Warning, same[0].Outcome)
}
