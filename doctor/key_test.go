package doctor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

func TestDescribeForm(t *testing.T) {
	key := merchantKey()
	pkcs1, public := x509.MarshalPKCS1PrivateKey(key), &key.PublicKey
	wrapped := strings.TrimSuffix(strings.TrimPrefix(pemOf("X", pkcs8(key)), "-----BEGIN X-----\n"), "-----END X-----\n")
	for want, text := range map[string]string{
		"PEM (PKCS#8)": pemOf("PRIVATE KEY", pkcs8(key)),
		"PEM (PKCS#1)": pemOf("RSA PRIVATE KEY", pkcs1),
		"PEM (PKCS#8 under the label of PKCS#1, as PayerMax's PHP SDK writes it)": pemOf("RSA PRIVATE KEY", pkcs8(key)),
		"one-line base64 (PKCS#8)":           base64Of(pkcs8(key)) + "\n",
		"one-line base64 (PKCS#1)":           "\ufeff" + base64Of(pkcs1),
		"base64 without PEM armour (PKCS#8)": wrapped,
		"PEM (SPKI)":                         pemOf("PUBLIC KEY", spki(public)),
		"one-line base64 (SPKI)":             base64Of(spki(public)),
		"PEM":                                "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n",
		"one-line base64":                    "nonsense",
	} {
		assert.Equal(t, want, describeForm(text))
	}
	for name, text := range map[string]string{
		"explained": "Bag Attributes\n friendlyName: x\n" + pemOf("PRIVATE KEY", pkcs8(key)),
		"headers":   strings.Replace(pemOf("PRIVATE KEY", pkcs8(key)), "-----\n", "-----\nComment: x\n\n", 1),
		"CRLF":      strings.ReplaceAll(pemOf("PRIVATE KEY", pkcs8(key)), "\n", "\r\n"),
	} {
		assert.Equal(t, "PEM (PKCS#8)", describeForm(text), name)
	}
}

func TestCheckKeyInFile(t *testing.T) {
	key := merchantKey()
	missing := filepath.Join(t.TempDir(), "missing.key")
	for name, test := range map[string]struct {
		key           Key
		outcome       Outcome
		message, next string
	}{
		"PEM":      {*fileKey(privateFile(t, key)), OK, "RSA of 2048 bits, PEM (PKCS#8), fingerprint " + signer.Fingerprint(&key.PublicKey), ""},
		"one line": {*fileKey(writeFile(t, base64Of(pkcs8(key)))), OK, "one-line base64 (PKCS#8)", ""},

		"missing":          {*fileKey(missing), Problem, "missing.key: no such file or directory", "that the Secret is mounted"},
		"a directory":      {*fileKey(t.TempDir()), Problem, "it is a directory", ""},
		"a public key":     {*fileKey(publicFile(t, key)), Problem, "it is a public key", ""},
		"1024 bits":        {*fileKey(writeFile(t, pemOf("PRIVATE KEY", pkcs8(newKey(1024))))), Problem, "1024 bits", ""},
		"cut":              {*fileKey(writeFile(t, base64Of(pkcs8(key))[:1000])), Problem, "cut short or damaged", ""},
		"the key itself":   {*fileKey(base64Of(pkcs8(key))), Problem, "the value looks like a key itself", ""},
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
		"good":      {returns(merchantKey(), nil), OK, OK, "RSA of 2048 bits in kms, fingerprint sha256:"},
		"not asked": {nil, NotChecked, "", "not asked with --offline"},
		"refuses":   {returns(nil, errors.New("no permission to sign")), Problem, "", "kms: no permission to sign"},
		"quotes":    {returns(nil, errors.New("cannot parse "+base64Of(pkcs8(merchantKey())))), Problem, "", withheld},
		"EC":        {returns(ec, nil), Problem, "", "needs RSA"},
		"fails":     {returns(distantKey{key: merchantKey(), fails: true}, nil), OK, Problem, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, results := checkKey("next key", Key{Source: "kms", Load: test.load})
			result := only(t, results, "next key")
			assert.Equal(t, test.outcome, result.Outcome)
			assert.Contains(t, result.Message, test.message)
			requireSilent(t, result.Message, merchantKey())
			if test.sign != "" {
				assert.Equal(t, test.sign, only(t, results, "next key self-test").Outcome)
			}
		})
	}
}

func TestCheckSigning(t *testing.T) {
	for name, test := range map[string]struct {
		key     crypto.Signer
		outcome Outcome
		message string
	}{
		"good": {merchantKey(), OK, "a signature takes "},
		"slow": {distantKey{key: merchantKey(), delay: slowSignature + 10*time.Millisecond}, Warning, "which every call has to wait for"},
		"dead": {distantKey{key: merchantKey(), fails: true}, Problem, "the HSM is asleep"},
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
	path := writeFile(t, "")
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
		{0o444, 1000, false, Warning, "every user may read it"},
		{0o644, 0, false, Warning, "every user may read it"},
		{0o644, 1000, true, Problem, "refuse_world_readable forbids"},
		{0o602, 1000, false, Problem, "every user may put another key in its place"},
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
	fits := publicFile(t, merchantKey())
	for name, test := range map[string]struct {
		option  Option
		outcome Outcome
		message string
	}{
		"fits":           {value("merchant_public_key", fits), OK, "it belongs to the private key"},
		"does not fit":   {value("merchant_public_key", publicFile(t, gatewayKey())), Problem, "does not belong to the private key, whose fingerprint is " + signer.Fingerprint(&merchantKey().PublicKey)},
		"not configured": {Option{Name: "merchant_public_key"}, NotChecked, "no merchant_public_key is configured"},
		"missing":        {value("merchant_public_key", fits+"s"), Problem, "no such file"},
		"empty":          {Option{Name: "merchant_public_key", Empty: []string{"{env.PUB}"}}, Problem, "{env.PUB} is empty"},
		"private":        {value("merchant_public_key", privateFile(t, merchantKey())), Problem, "it is a private key"},
	} {
		result := checkPair(test.option, merchantKey())
		assert.Equal(t, "merchant public key", result.Check, name)
		assert.Equal(t, test.outcome, result.Outcome, name)
		assert.Contains(t, result.Message, test.message, name)
	}
}

func TestCheckNextKey(t *testing.T) {
	assert.Empty(t, checkNextKey(merchantKeys{signing: merchantKey(), next: nextKey()}))
	assert.Empty(t, checkNextKey(merchantKeys{signing: merchantKey()}))
	same := checkNextKey(merchantKeys{signing: merchantKey(), next: merchantKey()})
	require.Len(t, same, 1)
	assert.Equal(t, Warning, same[0].Outcome)
}
