package signer

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"mime/quotedprintable"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// wrap breaks a text into lines of the given width.
func wrap(text string, width int, lineEnd string) string {
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + lineEnd)
		text = text[width:]
	}
	return b.String() + text + lineEnd
}

// quotedPrintable returns a text in the quoted-printable encoding of mail.
func quotedPrintable(t *testing.T, text string) string {
	var mail strings.Builder
	w := quotedprintable.NewWriter(&mail)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return strings.ReplaceAll(mail.String(), "\r\n", "\n")
}

// numbered returns a text with a formatted number before each line.
func numbered(text string, first int, format string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fmt.Fprintf(&b, format, first+i, line)
	}
	return b.String()
}

// dressings are changes that editors, terminals and secret stores make to a text without
// changing its meaning.
var dressings = map[string]func(string) string{
	"as it is":          func(s string) string { return s },
	"no final newline":  strings.TrimSpace,
	"CRLF":              func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"byte order mark":   func(s string) string { return "\xef\xbb\xbf" + s },
	"white space round": func(s string) string { return " \r\n\t\n" + s + "\n \t\r\n\n" },
	"indented":          func(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") },
}

func requirePrivate(t *testing.T, want *rsa.PrivateKey, text string) {
	t.Helper()
	requireKey(t, func(key *rsa.PrivateKey) bool { return want.Equal(key) }, ParsePrivateKey, ReadPrivateKeyFile, text)
}

func requirePublic(t *testing.T, want *rsa.PublicKey, text string) {
	t.Helper()
	requireKey(t, func(key *rsa.PublicKey) bool { return want.Equal(key) }, ParsePublicKey, ReadPublicKeyFile, text)
}

// requireKey requires that the wanted key is read from the text, in every dressing and
// from a file.
func requireKey[K any](t *testing.T, isWanted func(K) bool, parse func([]byte) (K, error), read func(path string) (K, error), text string) {
	t.Helper()
	for name, dress := range dressings {
		key, err := parse([]byte(dress(text)))
		require.NoError(t, err, name)
		require.True(t, isWanted(key), name)
	}
	path := filepath.Join(t.TempDir(), "the.key")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	key, err := read(path)
	require.NoError(t, err)
	require.True(t, isWanted(key))
}

func TestPrivateKeyForms(t *testing.T) {
	key := testkeys.Merchant()
	for name, text := range map[string]string{
		"PEM PKCS#8":                       testkeys.PrivatePEM(key),
		"PEM PKCS#1":                       testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS1(key)),
		"PKCS#8 labelled RSA (PHP SDK)":    testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS8(key)),
		"PKCS#1 without RSA in its label":  testkeys.PEM("PRIVATE KEY", testkeys.PKCS1(key)),
		"one line PKCS#8 (dashboard)":      testkeys.OneLine(testkeys.PKCS8(key)),
		"one line PKCS#1 (Go SDK)":         testkeys.OneLine(testkeys.PKCS1(key)),
		"wrapped PKCS#8":                   wrap(testkeys.OneLine(testkeys.PKCS8(key)), 76, "\n"),
		"wrapped with spaces":              wrap(testkeys.OneLine(testkeys.PKCS1(key)), 64, " "),
		"PEM all in one line of base64":    "-----BEGIN PRIVATE KEY-----\n" + testkeys.OneLine(testkeys.PKCS8(key)) + "\n-----END PRIVATE KEY-----\n",
		"PEM wrapped at 1000":              "-----BEGIN PRIVATE KEY-----\n" + wrap(testkeys.OneLine(testkeys.PKCS8(key)), 1000, "\n") + "-----END PRIVATE KEY-----\n",
		"PEM with blank lines":             strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "\n\n"),
		"explanatory text before":          "Bag Attributes\n    friendlyName: payermax\nKey Attributes: <No Attributes>\n" + testkeys.PrivatePEM(key),
		"old Mac line ends":                strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "\r"),
		"PEM on one line, with spaces":     strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", " "),
		"PEM without line breaks":          strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", ""),
		"PEM with \\n":                     strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", `\n`),
		"PEM with \\\\n":                   strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", `\\n`),
		"PEM with \\r\\n, in quotes":       `"` + strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", `\r\n`) + `"`,
		"PEM in single quotes":             "'" + testkeys.PrivatePEM(key) + "'",
		"export, in quotes with \\n":       `export PAYERMAX_KEY="` + strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", `\n`) + `"`,
		"export, no quotes, spaces":        "export KEY=" + strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", " "),
		"YAML":                             "private_key: |\n" + testkeys.PrivatePEM(key),
		"JSON with one member":             `{"private_key":"` + strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", `\n`) + `"}`,
		"JSON, the key first":              `{"key":"` + strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", `\n`) + `","appId":"1"}`,
		"JSON of a service account":        `{"type": "service_account", "private_key_id": "ab", "private_key": "` + strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", `\n`) + `", "token_uri": "https://oauth2.example/token"}`,
		"JSON, base64 among members":       `{"appId":"1","key":"` + testkeys.OneLine(testkeys.PKCS8(key)) + `"}`,
		"JSON of a pair":                   `{"public":"` + testkeys.OneLine(testkeys.SPKI(&key.PublicKey)) + `","private":"` + testkeys.OneLine(testkeys.PKCS8(key)) + `"}`,
		"JSON, nested, in JSON":            `{"Name":"x","SecretString":"{\"key\":\"` + testkeys.OneLine(testkeys.PKCS8(key)) + `\"}","VersionStages":["AWSCURRENT"]}`,
		"JSON, the same key twice":         `["` + testkeys.OneLine(testkeys.PKCS8(key)) + `","` + testkeys.OneLine(testkeys.PKCS8(key)) + `"]`,
		"JSON, a digest beside it":         `{"sha256":"` + strings.Repeat("0a", 32) + `","key":"` + testkeys.OneLine(testkeys.PKCS8(key)) + `"}`,
		"below a digest, as of openssl":    "# SHA256 pin of the public key: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWFGkMoBBU=\n" + testkeys.OneLine(testkeys.PKCS8(key)),
		"below a fingerprint with =0A":     "# SHA256 Fingerprint=0A:BC:DE\nKEY=" + testkeys.OneLine(testkeys.PKCS8(key)),
		"beside a serial number with =0A":  "KEY=" + testkeys.OneLine(testkeys.PKCS8(key)) + " # serial=0A12",
		"PEM below a serial number":        "serial=0A1B\nhttps://x/?a=3Db\n" + testkeys.PrivatePEM(key),
		"PEM below a heading":              "----- UAT -----\n-----UAT KEY-----\n" + testkeys.PrivatePEM(key),
		"PEM with spaces of HTML":          strings.ReplaceAll(strings.ReplaceAll(testkeys.PrivatePEM(key), " ", "&nbsp;"), "\n", "&#8203;\n"),
		"base64 in quotes":                 `"` + testkeys.OneLine(testkeys.PKCS8(key)) + `"`,
		"base64 with a name before":        "private_key=" + testkeys.OneLine(testkeys.PKCS1(key)),
		"base64, export, single quotes":    "export KEY='" + testkeys.OneLine(testkeys.PKCS8(key)) + "';",
		"base64 in YAML":                   "key: >-\n" + testkeys.OneLine(testkeys.PKCS8(key)),
		"URL-safe base64":                  base64.URLEncoding.EncodeToString(testkeys.PKCS8(key)),
		"URL-safe base64, no padding":      base64.RawURLEncoding.EncodeToString(testkeys.PKCS8(key)),
		"header that says nothing of use":  strings.Replace(testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS1(key)), "-----\n", "-----\nComment: payermax\n\n", 1),
		"a blank before the header":        strings.Replace(testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS1(key)), "-----\n", "----- \nComment: payermax\n\n", 1),
		"base64 without padding":           strings.TrimRight(testkeys.OneLine(testkeys.PKCS8(key)), "="),
		"comment behind base64":            testkeys.OneLine(testkeys.PKCS8(key)) + " # of 2026",
		"comments around base64":           "# of 2026\n" + testkeys.OneLine(testkeys.PKCS8(key)) + "\n# the end",
		"slashes around base64":            "// of 2026\n" + testkeys.OneLine(testkeys.PKCS8(key)) + " // the end",
		"slashes around PEM":               "// of 2026\n" + testkeys.PrivatePEM(key) + "// the end\n",
		"comments around PEM":              "# of 2026\n" + testkeys.PrivatePEM(key) + "# the end\n",
		"env file with a comment":          "# of 2026\nKEY=\"" + testkeys.OneLine(testkeys.PKCS8(key)) + "\" # quoted\n",
		"typographic quotes":               "\u201c" + testkeys.OneLine(testkeys.PKCS8(key)) + "\u201d",
		"typographic quotes, PEM":          "\u2018" + strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", `\n`) + "\u2019",
		"invisible characters":             "\u200b" + wrap(testkeys.OneLine(testkeys.PKCS8(key)), 64, "\u00ad\u200b") + "\ufeff",
		"invisible characters in PEM":      strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "\n\ufeff\u200b"),
		"no-break spaces":                  "\u00a0" + strings.ReplaceAll(testkeys.PrivatePEM(key), " ", "\u00a0") + "\u202f",
		"Unicode's line breaks":            strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "\u2028"),
		"a word processor's line breaks":   strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "\v") + "\f",
		"a comment that ends by one":       strings.ReplaceAll("# of 2026\n"+testkeys.PrivatePEM(key), "\n", "\u2028"),
		"JSON of PHP":                      `"` + strings.ReplaceAll(testkeys.OneLine(testkeys.PKCS8(key)), "/", `\/`) + `"`,
		"JSON of PHP, PEM":                 `{"key": "` + strings.NewReplacer("/", `\/`, "\n", `\n`).Replace(testkeys.PrivatePEM(key)) + `"}`,
		"JSON of Gson":                     `{"key":"` + strings.NewReplacer("=", `\u003d`, "+", `\u002B`).Replace(testkeys.OneLine(testkeys.PKCS8(key))) + `"}`,
		"Java's properties":                "key=" + strings.ReplaceAll(testkeys.OneLine(testkeys.PKCS8(key)), "=", `\=`),
		"JSON with one member, base64":     "{\n  \"privateKey\": \"" + testkeys.OneLine(testkeys.PKCS8(key)) + "\"\n}\n",
		"HTML":                             "-----BEGIN PRIVATE KEY-----<br>\n" + strings.NewReplacer("+", "&#43;", "/", "&#x2F;", "=", "&equals;").Replace(testkeys.OneLine(testkeys.PKCS8(key))) + "<br/>-----END PRIVATE KEY-----<br />",
		"HTML, hyphens as well":            strings.NewReplacer("-", "&#45;", "+", "&#x2B;", "\n", "&#10;").Replace(testkeys.PrivatePEM(key)),
		"HTML, base64 in JSON":             "{&quot;key&quot;:&quot;" + testkeys.OneLine(testkeys.PKCS8(key)) + "&quot;}",
		"mail, PEM":                        quotedPrintable(t, testkeys.PrivatePEM(key)),
		"mail, base64":                     quotedPrintable(t, testkeys.OneLine(testkeys.PKCS8(key))),
		"mail, base64 without padding":     quotedPrintable(t, strings.TrimRight(testkeys.OneLine(testkeys.PKCS1(key)), "=")),
		"carriage returns, shown":          strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "^M\n"),
		"line numbers of cat":              numbered(testkeys.PrivatePEM(key), 1, "     %d\t%s\n"),
		"line numbers of grep":             numbered(testkeys.PrivatePEM(key), 7, "%d:%s\n"),
		"line numbers in a table":          numbered(testkeys.PrivatePEM(key), 99, "%4d | %s\n"),
		"a patch":                          "@@ -0,0 +1,28 @@\n" + numbered(testkeys.PrivatePEM(key), 0, "+%[2]s\n"),
		"quoted in a mail":                 "On Monday you wrote:\n" + numbered(strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "\n\n"), 0, "> > %[2]s\n"),
		"quoted in a mail, empty lines":    strings.ReplaceAll(numbered(strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "\n\n"), 0, "> %[2]s\n"), "> \n", ">\n"),
		"quoted in a table":                numbered(testkeys.PrivatePEM(key), 0, "| %[2]s\n"),
		"RTF of TextEdit":                  "{\\rtf1\\ansi\\cocoartf2639\n{\\fonttbl\\f0 Helvetica;}\n\\pard\\f0\\fs24 \\cf0 " + strings.ReplaceAll(testkeys.PrivatePEM(key), "\n", "\\\n") + "}",
		"a fence of Markdown":              "```\n" + testkeys.PrivatePEM(key) + "```\n",
		"a fence of Markdown, with a name": "```pem\n" + testkeys.PrivatePEM(key) + "```\n",
		"a fence around base64":            "```\n" + testkeys.OneLine(testkeys.PKCS8(key)) + "\n```\n",
		"two spaces in BEGIN and END":      strings.ReplaceAll(testkeys.PrivatePEM(key), " ", "  "),
		"a space before the hyphens":       strings.ReplaceAll(testkeys.PrivatePEM(key), "KEY", "KEY "),
		"one line PKCS#8, spaces at edges": "  " + testkeys.OneLine(testkeys.PKCS8(key)) + "  ",
	} {
		t.Run(name, func(t *testing.T) { requirePrivate(t, key, text) })
	}
	t.Run("3072 bits", func(t *testing.T) {
		requirePrivate(t, testkeys.Large(), testkeys.OneLine(testkeys.PKCS8(testkeys.Large())))
	})
}

func TestPublicKeyForms(t *testing.T) {
	key := &testkeys.Merchant().PublicKey
	pkcs1 := x509.MarshalPKCS1PublicKey(key)
	for name, text := range map[string]string{
		"PEM SPKI":                testkeys.PublicPEM(key),
		"PEM PKCS#1":              testkeys.PEM("RSA PUBLIC KEY", pkcs1),
		"one line (dashboard)":    testkeys.OneLine(testkeys.SPKI(key)),
		"one line PKCS#1":         testkeys.OneLine(pkcs1),
		"wrapped":                 wrap(testkeys.OneLine(testkeys.SPKI(key)), 64, "\n"),
		"URL-safe base64":         base64.URLEncoding.EncodeToString(testkeys.SPKI(key)),
		"SPKI labelled RSA":       testkeys.PEM("RSA PUBLIC KEY", testkeys.SPKI(key)),
		"explanatory text before": "PayerMax, UAT\n" + testkeys.PublicPEM(key),
	} {
		t.Run(name, func(t *testing.T) { requirePublic(t, key, text) })
	}
}

// ofBits returns a public key whose modulus has exactly that many bits. It has no known
// private key.
func ofBits(bits int) *rsa.PublicKey {
	modulus := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: modulus.SetBit(modulus, 0, 1), E: 65537}
}

// Keys of exactly the minimum and the maximum size are accepted.
func TestSmallestAndLargestKey(t *testing.T) {
	for _, bits := range []int{minBits, maxBits} {
		requirePublic(t, ofBits(bits), testkeys.OneLine(testkeys.SPKI(ofBits(bits))))
	}
}

// The padding of base64 may be missing altogether, but not in part: the padding is the
// end of the text, so a partial padding shows that the text was cut.
func TestPaddingOfBase64(t *testing.T) {
	paddings := make(map[int]bool)
	for _, exponent := range []int{3, 257, 65537} { // exponents of one, two and three bytes
		key := &rsa.PublicKey{N: testkeys.Merchant().N, E: exponent}
		line := testkeys.OneLine(testkeys.SPKI(key))
		bare := strings.TrimRight(line, "=")
		requirePublic(t, key, line)
		requirePublic(t, key, bare)
		padding := len(line) - len(bare)
		paddings[padding] = true
		if padding == 2 {
			_, err := ParsePublicKey([]byte(bare + "="))
			assert.ErrorIs(t, err, errBase64)
		}
	}
	assert.Len(t, paddings, 3)
}

// Keys are accepted that OpenSSL writes with the commands in PayerMax's documentation and
// in our own errors.
func TestFormsWrittenByOpenSSL(t *testing.T) {
	genrsa := openssl(t, nil, "genrsa", "2048")
	key, err := ParsePrivateKey([]byte(genrsa))
	require.NoError(t, err)
	files := map[string]string{"key": genrsa}

	for name, args := range map[string]string{
		"pkcs8 -topk8":     "pkcs8 -topk8 -nocrypt -in key",
		"rsa -traditional": "rsa -traditional -in key",
		"pkey":             "pkey -in key",
	} {
		t.Run(name, func(t *testing.T) { requirePrivate(t, key, openssl(t, files, strings.Fields(args)...)) })
	}
	t.Run("DER in base64", func(t *testing.T) {
		for _, args := range []string{"pkcs8 -topk8 -nocrypt -outform DER -in key", "rsa -traditional -outform DER -in key"} {
			requirePrivate(t, key, testkeys.OneLine([]byte(openssl(t, files, strings.Fields(args)...))))
		}
	})
	t.Run("genpkey", func(t *testing.T) {
		_, err := ParsePrivateKey([]byte(openssl(t, nil, "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")))
		require.NoError(t, err)
	})
	for name, args := range map[string]string{
		"pkey -pubout":          "pkey -in key -pubout",
		"rsa -RSAPublicKey_out": "rsa -in key -RSAPublicKey_out",
	} {
		t.Run(name, func(t *testing.T) {
			requirePublic(t, &key.PublicKey, openssl(t, files, strings.Fields(args)...))
		})
	}
}

// Every command in an error does what the error promises.
func TestConversionsThatErrorsRecommend(t *testing.T) {
	key := testkeys.Merchant()
	private := testkeys.PrivatePEM(key)
	files := map[string]string{
		"private.pem": private,
		"pkcs8.der":   string(testkeys.PKCS8(key)),
		"pkcs1.der":   string(testkeys.PKCS1(key)),
		"public.der":  string(testkeys.SPKI(&key.PublicKey)),
	}
	fields := strings.Fields
	files["encrypted.pem"] = openssl(t, files, fields("pkcs8 -topk8 -passout pass:payermax -in private.pem")...)
	files["legacy.pem"] = openssl(t, files, fields("rsa -traditional -aes128 -passout pass:payermax -in private.pem")...)
	files["cert.pem"] = openssl(t, files, fields("req -x509 -new -key private.pem -subj /CN=payermax -days 1")...)
	files["store.p12"] = openssl(t, files, fields("pkcs12 -export -passout pass:payermax -inkey private.pem -in cert.pem -out %OUT%")...)

	for name, args := range map[string]string{
		"encrypted PKCS#8": "pkcs8 -topk8 -nocrypt -passin pass:payermax -in encrypted.pem -out %OUT%",
		"encrypted PKCS#1": "pkcs8 -topk8 -nocrypt -passin pass:payermax -in legacy.pem -out %OUT%",
		"binary PKCS#8":    "pkcs8 -topk8 -nocrypt -inform DER -in pkcs8.der -out %OUT%",
		"binary PKCS#1":    "pkcs8 -topk8 -nocrypt -inform DER -in pkcs1.der -out %OUT%",
		"PKCS#12":          "pkcs12 -passin pass:payermax -in store.p12 -nocerts -nodes -out %OUT%",
	} {
		t.Run(name, func(t *testing.T) { requirePrivate(t, key, openssl(t, files, fields(args)...)) })
	}
	for name, args := range map[string]string{
		"certificate":   "x509 -in cert.pem -pubkey -noout",
		"binary public": "pkey -pubin -inform DER -in public.der -out %OUT%",
	} {
		t.Run(name, func(t *testing.T) { requirePublic(t, &key.PublicKey, openssl(t, files, fields(args)...)) })
	}
	t.Run("PKCS#12, public", func(t *testing.T) {
		files := map[string]string{"certs": openssl(t, files, fields("pkcs12 -passin pass:payermax -in store.p12 -nokeys -nodes")...)}
		requirePublic(t, &key.PublicKey, openssl(t, files, fields("x509 -in certs -pubkey -noout")...))
	})
	t.Run("base64 twice", func(t *testing.T) {
		twice := map[string]string{"FILE": testkeys.OneLine([]byte(private))}
		requirePrivate(t, key, run(t, "bash", twice, "-c", `base64 -d FILE`))
	})
	t.Run("UTF-16", func(t *testing.T) {
		wide := map[string]string{"FILE": utf16LE(private)}
		requirePrivate(t, key, run(t, "bash", wide, "-c", `iconv -f UTF-16 -t UTF-8 FILE`))
	})
	t.Run("OpenSSH", func(t *testing.T) {
		testtool.Find(t, "ssh-keygen")
		copies := map[string]string{"COPY": private}
		copies["COPY"] = run(t, "bash", copies, "-c", `ssh-keygen -p -N '' -f COPY >/dev/null && cat COPY`)
		_, err := ParsePrivateKey([]byte(copies["COPY"]))
		require.ErrorContains(t, err, "OpenSSH")
		requireSilent(t, err.Error(), copies["COPY"])
		requirePrivate(t, key, run(t, "bash", copies, "-c", `ssh-keygen -p -N '' -m PKCS8 -f COPY >/dev/null && cat COPY`))

		public := map[string]string{"FILE": run(t, "ssh-keygen", copies, "-y", "-f", "COPY")}
		_, err = ParsePublicKey([]byte(public["FILE"]))
		require.ErrorContains(t, err, "OpenSSH")
		requirePublic(t, &key.PublicKey, run(t, "ssh-keygen", public, "-e", "-m", "PKCS8", "-f", "FILE"))
	})
}

func TestFingerprint(t *testing.T) {
	docs := docsKey(t)
	assert.Equal(t, "sha256:8ed1d92031f9a674fffd6cd8c505c3cdb56886b8a1d4d1fc414eacb5dd9f0a10", Fingerprint(docs))
	assert.NotEqual(t, Fingerprint(docs), Fingerprint(&testkeys.Merchant().PublicKey))
	assert.Empty(t, Fingerprint(nil))
	assert.Empty(t, Fingerprint(new(rsa.PublicKey)))

	// The two commands of the doc comment.
	key := testkeys.Merchant()
	files := map[string]string{"private.pem": testkeys.PrivatePEM(key), "public.pem": testkeys.PublicPEM(&key.PublicKey)}
	for _, args := range []string{"pkey -pubin -in public.pem -outform DER", "pkey -in private.pem -pubout -outform DER"} {
		der := openssl(t, files, strings.Fields(args)...)
		digest := openssl(t, map[string]string{"der": der}, "dgst", "-sha256", "-r", "der")
		assert.Equal(t, strings.TrimPrefix(Fingerprint(&key.PublicKey), "sha256:"), strings.Fields(digest)[0])
	}
}

// remedies returns the commands in an error, in order, as they appear in a line of a JSON
// log.
func remedies(t *testing.T, err error) []string {
	t.Helper()
	line, encodeErr := zapcore.NewJSONEncoder(zapcore.EncoderConfig{}).EncodeEntry(zapcore.Entry{}, []zapcore.Field{zap.Error(err)})
	require.NoError(t, encodeErr)
	_, text, found := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line.String()), `"}`), "with: ")
	if !found {
		return nil
	}
	text, _, _ = strings.Cut(text, " and give PayerMax its public key")
	text, _, _ = strings.Cut(text, " and name ")
	return strings.Split(text, " and then: ")
}

// Each command in an error is executed on the refused file, as it appears in a line of a
// JSON log, until the key can be read. Nobody can type passphrases here, so wrappers pass
// them to the programs as arguments.
func TestRemediesCure(t *testing.T) {
	key := testkeys.Merchant()
	private := testkeys.PrivatePEM(key)
	base := map[string]string{"private.pem": private, "pkcs8.der": string(testkeys.PKCS8(key))}
	fields := strings.Fields
	encrypted := openssl(t, base, fields("pkcs8 -topk8 -passout pass:payermax -in private.pem")...)
	encryptedDER := openssl(t, base, fields("pkcs8 -topk8 -passout pass:payermax -in private.pem -outform DER -out %OUT%")...)
	base["cert.pem"] = openssl(t, base, fields("req -x509 -new -key private.pem -subj /CN=payermax -days 1")...)
	store := openssl(t, base, fields("pkcs12 -export -passout pass:payermax -inkey private.pem -in cert.pem -out %OUT%")...)
	jks := func(t *testing.T) string {
		testtool.Find(t, "keytool")
		return run(t, "bash", map[string]string{"store": store}, "-c",
			"keytool -importkeystore -noprompt -srckeystore store -srcstorepass payermax -destkeystore jks -deststoretype JKS -deststorepass payermax 2>/dev/null && cat jks")
	}
	legacy := func(t *testing.T) string {
		testtool.Find(t, "openssl")
		export := "openssl pkcs12 -export -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-RC2-40 -passout pass:payermax -inkey private.pem -in cert.pem -out store"
		return run(t, "bash", base, "-c", "{ "+export+" || "+export+" -legacy; } 2>/dev/null && cat store")
	}
	certDER := openssl(t, base, fields("x509 -in cert.pem -outform DER -out %OUT%")...)
	request := openssl(t, base, fields("req -new -key private.pem -subj /CN=payermax")...)
	requestDER := openssl(t, base, fields("req -new -key private.pem -subj /CN=payermax -outform DER -out %OUT%")...)
	bundle := openssl(t, base, fields("crl2pkcs7 -nocrl -certfile cert.pem")...)
	bundleDER := openssl(t, base, fields("crl2pkcs7 -nocrl -certfile cert.pem -outform DER -out %OUT%")...)
	ssh := func(passphrase string) func(*testing.T) string {
		return func(t *testing.T) string {
			testtool.Find(t, "ssh-keygen")
			return run(t, "bash", map[string]string{"COPY": private}, "-c", "ssh-keygen -q -p -N '"+passphrase+"' -f COPY >/dev/null && cat COPY")
		}
	}
	sshPublic := func(command string) func(*testing.T) string {
		return func(t *testing.T) string {
			testtool.Find(t, "ssh-keygen")
			return run(t, "bash", map[string]string{"key": private}, "-c", command)
		}
	}
	putty := func(passphrase string) func(*testing.T) string {
		return func(t *testing.T) string {
			testtool.Find(t, "puttygen")
			return run(t, "bash", map[string]string{"private.pem": testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS1(key))}, "-c",
				"printf %s '"+passphrase+"' > new && chmod 600 private.pem && puttygen private.pem -O private --new-passphrase new -o key.ppk && cat key.ppk")
		}
	}
	colons := strings.TrimSuffix(regexp.MustCompile(`..`).ReplaceAllString(hex.EncodeToString(testkeys.PKCS8(key)), "$0:"), ":")

	for name, file := range map[string]struct {
		text   string
		public bool
		made   func(*testing.T) string // in place of text
	}{
		"Java keystore":                 {made: jks},
		"PKCS#12, legacy":               {made: legacy},
		"PKCS#12, legacy, public":       {made: legacy, public: true},
		"OpenSSH":                       {made: ssh("")},
		"OpenSSH, public":               {made: sshPublic("ssh-keygen -y -f key"), public: true},
		"RFC 4716":                      {made: sshPublic("ssh-keygen -y -f key > key.pub && ssh-keygen -e -m RFC4716 -f key.pub"), public: true},
		"PuTTY":                         {made: putty("")},
		"PuTTY, encrypted":              {made: putty("payermax")},
		"text behind":                   {text: private + "made by somebody\n"},
		"text behind, public":           {text: testkeys.PublicPEM(&key.PublicKey) + "\nmade by somebody", public: true},
		"text around, in Windows":       {text: "made by somebody\r\n" + strings.ReplaceAll(private, "\n", "\r\n") + "\r\nin haste"},
		"text behind, byte order mark":  {text: "\ufeff" + private + "made by somebody\n"},
		"text behind, indented":         {text: "    " + strings.ReplaceAll(private, "\n", "\n    ") + "made by somebody\n"},
		"OpenSSH, encrypted":            {made: ssh("payermax")},
		"key and certificate":           {text: private + base["cert.pem"]},
		"certificate and key":           {text: base["cert.pem"] + private},
		"key and public key":            {text: private + testkeys.PublicPEM(&key.PublicKey)},
		"labelled EC":                   {text: testkeys.PEM("EC PRIVATE KEY", testkeys.PKCS8(key))},
		"labelled encrypted":            {text: testkeys.PEM("ENCRYPTED PRIVATE KEY", testkeys.PKCS1(key))},
		"labelled OpenSSH":              {text: testkeys.PEM("OPENSSH PRIVATE KEY", testkeys.PKCS8(key))},
		"labelled public":               {text: testkeys.PEM("PUBLIC KEY", testkeys.PKCS8(key))},
		"labelled something":            {text: testkeys.PEM("PAYERMAX THING", testkeys.PKCS8(key))},
		"labelled certificate":          {text: testkeys.PEM("CERTIFICATE", testkeys.SPKI(&key.PublicKey)), public: true},
		"hexadecimal":                   {text: hex.EncodeToString(testkeys.PKCS8(key))},
		"hexadecimal, comment":          {text: "# of 2026, face it\n" + hex.EncodeToString(testkeys.PKCS8(key)) + " # cafe\n"},
		"hexadecimal of PEM, comment":   {text: "# of 2026\n" + hex.EncodeToString([]byte(private))},
		"base64 of a certificate":       {text: testkeys.OneLine([]byte(base["cert.pem"])), public: true},
		"labelled something, in a mail": {text: numbered(testkeys.PEM("PAYERMAX THING", testkeys.PKCS8(key)), 0, "> %[2]s\n")},
		"hexadecimal, wrapped, PKCS#1":  {text: wrap(strings.ToUpper(hex.EncodeToString(testkeys.PKCS1(key))), 64, "\n")},
		"hexadecimal, colons":           {text: colons},
		"hexadecimal, public":           {text: hex.EncodeToString(testkeys.SPKI(&key.PublicKey)), public: true},
		"hexadecimal of PEM":            {text: hex.EncodeToString([]byte(private))},
		"hexadecimal of a certificate":  {text: hex.EncodeToString([]byte(certDER)), public: true},
		"request":                       {text: request, public: true},
		"request, DER":                  {text: requestDER, public: true},
		"request, base64":               {text: testkeys.OneLine([]byte(requestDER)), public: true},
		"PKCS#7":                        {text: bundle, public: true},
		"PKCS#7, DER":                   {text: bundleDER, public: true},
		"PKCS#7, base64":                {text: testkeys.OneLine([]byte(bundleDER)), public: true},
		"UTF-32":                        {text: utf32LE(private)},
		"DER, PKCS#8":                   {text: string(testkeys.PKCS8(key))},
		"DER, PKCS#1":                   {text: string(testkeys.PKCS1(key))},
		"DER, SPKI":                     {text: string(testkeys.SPKI(&key.PublicKey)), public: true},
		"DER, public PKCS#1":            {text: string(x509.MarshalPKCS1PublicKey(&key.PublicKey)), public: true},
		"encrypted":                     {text: encrypted},
		"encrypted, DER":                {text: encryptedDER},
		"encrypted, base64":             {text: testkeys.OneLine([]byte(encryptedDER))},
		"PKCS#12":                       {text: store},
		"PKCS#12, public":               {text: store, public: true},
		"PKCS#12, base64":               {text: testkeys.OneLine([]byte(store))},
		"certificate":                   {text: base["cert.pem"], public: true},
		"certificate, DER":              {text: certDER, public: true},
		"certificate, base64":           {text: testkeys.OneLine([]byte(certDER)), public: true},
		"base64 of PEM":                 {text: testkeys.OneLine([]byte(private))},
		"base64 of PEM, wrapped":        {text: wrap(testkeys.OneLine([]byte(private)), 76, "\n")},
		"base64 of base64":              {text: testkeys.OneLine([]byte(testkeys.OneLine(testkeys.PKCS8(key))))},
		"base64 of PEM, in PEM":         {text: testkeys.PEM("PRIVATE KEY", []byte(private))},
		"base64 of base64, in PEM":      {text: "  " + strings.ReplaceAll(testkeys.PEM("PRIVATE KEY", []byte(testkeys.OneLine(testkeys.PKCS8(key)))), "\n", "\n  ")},
		"base64, three times":           {text: testkeys.OneLine([]byte(testkeys.OneLine([]byte(private))))},
		"base64 of an env file":         {text: testkeys.OneLine([]byte("KEY='" + testkeys.OneLine(testkeys.PKCS8(key)) + "'\n"))},
		"base64 of PEM, in quotes":      {text: "\"" + testkeys.OneLine([]byte(private)) + "\"\n"},
		"base64 of PEM, other quotes":   {text: "\u2018" + testkeys.OneLine([]byte(private)) + "\u2019"},
		"base64 of PEM, of a Secret":    {text: "  private.key: " + testkeys.OneLine([]byte(private)) + "\n"},
		"base64 of PEM, block in YAML":  {text: "private.key: |-\n  " + wrap(testkeys.OneLine([]byte(private)), 76, "\n  ") + "\n"},
		"base64 of PEM, env file":       {text: "PRIVATE_KEY=" + testkeys.OneLine([]byte(private))},
		"base64 of PEM, shell":          {text: "# made by somebody\nexport PRIVATE_KEY='" + testkeys.OneLine([]byte(private)) + "' # in haste\n"},
		"base64 of PEM, JSON":           {text: "{\n  \"private.key\": \"" + testkeys.OneLine([]byte(private)) + "\"\n}\n"},
		"base64 of PEM, Windows":        {text: "\ufeff" + wrap(testkeys.OneLine([]byte(private)), 64, "\r\n") + "\r\n"},
		"base64 of PEM, comment":        {text: testkeys.OneLine([]byte(private)) + " # key\n"},
		"base64 of base64, in quotes":   {text: "'" + testkeys.OneLine([]byte(testkeys.OneLine(testkeys.PKCS8(key)))) + "'"},
		"base64, encrypted, in quotes":  {text: "KEY=\"" + testkeys.OneLine([]byte(encryptedDER)) + "\"\n"},
		"base64, certificate, of YAML":  {text: "cert: " + testkeys.OneLine([]byte(certDER)) + "\n", public: true},
		"base64, PKCS#12, wrapped":      {text: "store: |\n  " + wrap(testkeys.OneLine([]byte(store)), 76, "\n  ") + "\n"},
		"UTF-16, byte order mark":       {text: utf16LE(private)},
		"UTF-16LE":                      {text: utf16LE(private)[2:]},
		"UTF-16BE":                      {text: "\x00" + strings.TrimSuffix(utf16LE(private)[2:], "\x00")},
		"public key, UTF-16, in base64": {text: testkeys.OneLine([]byte(utf16LE(testkeys.PublicPEM(&key.PublicKey)))), public: true},
	} {
		t.Run(name, func(t *testing.T) {
			if file.made != nil {
				file.text = file.made(t)
			}
			// These are common names of key files, which no command may overwrite.
			name := "private.pem"
			if file.public {
				name = "public.pem"
			}
			dir := filepath.Join(t.TempDir(), "my keys & more")
			require.NoError(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, name)
			original := path
			require.NoError(t, os.WriteFile(path, []byte(file.text), 0o600))
			read := func() error {
				if file.public {
					got, err := ReadPublicKeyFile(path)
					require.True(t, err != nil || key.PublicKey.Equal(got))
					return err
				}
				got, err := ReadPrivateKeyFile(path)
				require.True(t, err != nil || key.PublicKey.Equal(&got.PublicKey)) // PuTTY swaps the primes
				return err
			}
			err := read()
			require.Error(t, err)
			requireSameRemedies(t, path, err)
			for range 4 { // remove one layer after the other
				commands := remedies(t, err)
				require.NotEmpty(t, commands, "%v", err)
				refused := strings.ReplaceAll(err.Error(), "'", "")
				for _, command := range commands {
					execute(t, t.TempDir(), command)
					path = written(t, command)
					requireOwn(t, path)
				}
				require.True(t, strings.HasSuffix(refused, " and name "+path+" instead"), "%s", refused)
				if err = read(); err == nil {
					kept, readErr := os.ReadFile(original)
					require.NoError(t, readErr)
					require.Equal(t, file.text, string(kept))
					return
				}
			}
			require.NoError(t, err)
		})
	}
}

// requireSameRemedies requires that [ReadKeyFile] either accepts the file, or refuses it
// with the same commands as the reader that knows which key it wants.
func requireSameRemedies(t *testing.T, path string, refused error) {
	t.Helper()
	if _, _, err := ReadKeyFile(path); err != nil {
		_, privateErr := ReadPrivateKeyFile(path)
		require.Contains(t, [][]string{remedies(t, refused), remedies(t, privateErr)}, remedies(t, err))
	}
}

// execute runs a command as a user would, with a passphrase at hand.
func execute(t *testing.T, dir, command string) {
	t.Helper()
	for _, program := range []string{"openssl", "iconv", "base64", "xxd", "sed", "puttygen"} {
		if strings.Contains(command, program+" ") {
			testtool.Find(t, program)
		}
	}
	command = strings.ReplaceAll(command, "ssh-keygen -p", "ssh-keygen -p -P payermax")
	for _, subcommand := range []string{"openssl pkcs12", "openssl pkcs8"} {
		command = strings.ReplaceAll(command, subcommand, subcommand+" -passin pass:payermax")
	}
	command = strings.ReplaceAll(command, "-importkeystore", "-importkeystore -noprompt -srcstorepass payermax -deststorepass payermax")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "passphrase"), []byte("payermax"), 0o600))
	command = strings.ReplaceAll(command, "puttygen ", "puttygen --old-passphrase passphrase ")
	shell := exec.Command(testtool.Find(t, "bash"), "-euo", "pipefail", "-c", "umask 022; "+command)
	shell.Dir = dir
	said, err := shell.CombinedOutput()
	require.NoError(t, err, "%s: %s", command, said)
}

// written returns the file that a command writes.
func written(t *testing.T, command string) string {
	t.Helper()
	found := regexp.MustCompile(`(?:> |-out |-o |-f |-destkeystore )('[^']+'[^\s)]*|[^\s)]+)(?: -deststoretype PKCS12)?\)?$`).FindStringSubmatch(command)
	require.NotNil(t, found, command)
	return strings.ReplaceAll(found[1], "'", "")
}

// requireOwn requires that only its owner can access a file, unless it is a public key.
func requireOwn(t *testing.T, path string) {
	t.Helper()
	if _, err := ReadPublicKeyFile(path); err == nil {
		return
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
}

// In a JSON log, quotes and backslashes are escaped, so no command may need them.
func TestRemediesSurviveJSON(t *testing.T) {
	for f := pkcs8; f <= javaKeystore; f++ {
		for _, want := range []role{privateKey, publicKey} {
			for _, err := range []error{refusal(f, want), refusalInDER(f, want), refuseInBase64(nil, f, want), refuseInBase64([]byte("TU-J"), f, want), relabel(want), refuseSeveral([]string{"PRIVATE KEY", "CERTIFICATE"}, want)} {
				assert.NotRegexp(t, `["\\<\t\n]`, err.Error())
			}
		}
	}
	testHex := []byte(hex.EncodeToString(testkeys.SPKI(&testkeys.Merchant().PublicKey)))
	for _, err := range []error{errTooLarge, errEmpty, errBlank, errNUL, errNotAKey, errOtherDER, errBase64, refuseTwice([]byte("TU-J"), keyAlready), refuseTwice([]byte("# of a Secret\nkey: 'TUlJ'"), keyAlready), errNoEnd, errNoBegin, errArmour, errAfterPEM, errBehindPEM, errPEMBase64, errEmptyPEM, errLabel, errNoDER, errHeads, errMisspelt, errHyphens, refuseHex(testHex, testHex, privateKey), refuseHex(testHex, append([]byte("# of 2026\n"), testHex...), publicKey), refuseHex(testHex, []byte("0x"), privateKey), errPercent, errAmong, errPointer, errEncrypted, errMarkup, errVariable, errNoValue, errPEMTwice, errPlace, errDamagedDER} {
		assert.NotRegexp(t, `["\\<\t\n]`, err.Error())
	}
}

// A path that needs quoting in a shell is quoted. A path that cannot be pasted is not put
// into the command.
func TestCommandsForPaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/run/keys/key.pem": "(umask 077; base64 -d /run/keys/key.pem > /run/keys/key.pem.decoded)",
		"my key":            "(umask 077; base64 -d 'my key' > 'my key'.decoded)",
		"a$b;c`d":           "(umask 077; base64 -d 'a$b;c`d' > 'a$b;c`d'.decoded)",
		"-key":              "(umask 077; base64 -d ./-key > ./-key.decoded)",
		"it's":              `(umask 077; base64 -d 'it'\''s' > 'it'\''s'.decoded)`,
		`C:\keys\key.pem`:   `(umask 077; base64 -d 'C:\keys\key.pem' > 'C:\keys\key.pem'.decoded)`,
		"":                  "(umask 077; base64 -d FILE > FILE.decoded)",
		"caf\xe9":           "(umask 077; base64 -d FILE > FILE.decoded)",
		"two\nlines":        "(umask 077; base64 -d FILE > FILE.decoded)",
		"FILE":              "(umask 077; base64 -d FILE > FILE.decoded)",
	} {
		assert.ErrorContains(t, ForFile(refuseTwice([]byte("TUlJ"), "a text"), path), "with: "+want)
	}
	assert.Equal(t, errBlank, ForFile(errBlank, "/run/keys/key.pem"))
}
