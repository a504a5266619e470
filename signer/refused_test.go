package signer

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// refused is a key text that must not be accepted, with words that the error must
// contain.
type refused struct {
	text string
	want []string
}

func checkRefused(t *testing.T, err error, prefix string, test refused) {
	t.Helper()
	require.Error(t, err)
	t.Log(err)
	for _, want := range test.want {
		assert.ErrorContains(t, err, want)
	}
	message := err.Error()
	assert.True(t, strings.HasPrefix(message, prefix), message)
	assert.Equal(t, 1, strings.Count(message, prefix), message)
	assert.NotRegexp(t, `asn1|x509: |pem: |base64: |illegal|crypto/|%!|\n|: $`, message, "only our own sentences")
	requireSilent(t, message, test.text)
}

// derOf encodes a value in DER.
func derOf(t testing.TB, value any) []byte {
	t.Helper()
	der, err := asn1.Marshal(value)
	require.NoError(t, err)
	return der
}

// algorithmID is an AlgorithmIdentifier without parameters.
type algorithmID struct{ Algorithm asn1.ObjectIdentifier }

// pkcs8Of wraps a private key of any algorithm in PKCS#8.
func pkcs8Of(t testing.TB, oid asn1.ObjectIdentifier, content []byte) []byte {
	return derOf(t, struct {
		Version   int
		Algorithm algorithmID
		Key       []byte
	}{0, algorithmID{oid}, content})
}

// spkiOf wraps a public key of any algorithm in SubjectPublicKeyInfo.
func spkiOf(t testing.TB, oid asn1.ObjectIdentifier, content []byte) []byte {
	return derOf(t, struct {
		Algorithm algorithmID
		Key       asn1.BitString
	}{algorithmID{oid}, asn1.BitString{Bytes: content, BitLength: 8 * len(content)}})
}

var (
	oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidDSA = asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}
)

// numbers are the INTEGERs of an RSAPrivateKey.
type numbers struct {
	Version    int
	N          *big.Int
	E          int
	D, P, Q    *big.Int
	Dp, Dq, Qi *big.Int
}

func numbersOf(key *rsa.PrivateKey) numbers {
	return numbers{0, key.N, key.E, key.D, key.Primes[0], key.Primes[1], key.Precomputed.Dp, key.Precomputed.Dq, key.Precomputed.Qinv}
}

// edited returns the test key in PKCS#1 after a change to its numbers.
func edited(t testing.TB, change func(*numbers)) []byte {
	n := numbersOf(testkeys.Merchant())
	change(&n)
	return derOf(t, n)
}

// endsIn is a number with another last byte.
func endsIn(number *big.Int, last byte) *big.Int {
	changed := new(big.Int).Lsh(new(big.Int).Rsh(number, 8), 8)
	return changed.Or(changed, big.NewInt(int64(last)))
}

func certificateDER(t testing.TB) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &testkeys.Merchant().PublicKey, testkeys.Merchant())
	require.NoError(t, err)
	return der
}

// stranger returns a key other than the merchant's, in the DER that belongs to a label.
func stranger(label string) []byte {
	switch label {
	case "PUBLIC KEY":
		return testkeys.SPKI(&testkeys.Stranger().PublicKey)
	case "RSA PRIVATE KEY":
		return testkeys.PKCS1(testkeys.Stranger())
	}
	return testkeys.PKCS8(testkeys.Stranger())
}

// openSSH returns the unencrypted beginning of a private key in OpenSSH's own format.
func openSSH(algorithm string) string {
	text := func(value string) string { return string([]byte{0, 0, 0, byte(len(value))}) + value }
	public := text(algorithm) + text(strings.Repeat("x", 32))
	return testkeys.PEM("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00"+text("none")+text("none")+text("")+"\x00\x00\x00\x01"+text(public)+text(strings.Repeat("y", 64))))
}

// accidents returns damaged key texts. The kinds of damage do not depend on the contents.
func accidents(label string, der []byte) map[string]refused {
	block, line := testkeys.PEM(label, der), testkeys.OneLine(der)
	lines := strings.SplitAfter(block, "\n")
	other := testkeys.PublicPEM(&testkeys.Merchant().PublicKey)
	if label == "PUBLIC KEY" {
		other = testkeys.PrivatePEM(testkeys.Merchant())
	}
	return map[string]refused{
		"empty":                    {"", []string{"it is empty"}},
		"white space":              {" \r\n\t\n", []string{"only white space"}},
		"only a byte order mark":   {"\xef\xbb\xbf", []string{"only white space"}},
		"PEM without END":          {block[:len(block)/2], []string{"no END line", "cut short"}},
		"PEM without BEGIN":        {strings.Join(lines[2:], ""), []string{"no BEGIN line"}},
		"PEM, END before BEGIN":    {lines[len(lines)-2] + block, []string{"no BEGIN line"}},
		"PEM, another END":         {strings.Replace(block, "-----END "+label, "-----END CERTIFICATE", 1), []string{"no BEGIN line"}},
		"PEM, BEGIN twice":         {lines[0] + block, []string{"no END line"}},
		"PEM with a line lost":     {strings.Join(append(lines[:2:2], lines[3:]...), ""), []string{"cut short or damaged"}},
		"PEM with a character off": {strings.Replace(block, lines[2], lines[2][1:], 1), []string{"base64 in its PEM block", "damaged"}},
		"PEM with a stray letter":  {strings.Replace(block, lines[2], "*"+lines[2], 1), []string{"base64 in its PEM block", "damaged"}},
		"PEM with a French letter": {strings.Replace(block, lines[2], "é"+lines[2], 1), []string{"base64 in its PEM block", "damaged"}},
		"PEM with nothing in it":   {lines[0] + lines[len(lines)-2], []string{"nothing between"}},
		"PEM with a comment after": {block + "made by somebody\n", []string{"text after the END line"}},
		"PEM twice":                {block + block, []string{"2 PEM blocks", "which key"}},
		"PEM three times":          {block + "\n" + block + "\n" + block, []string{"3 PEM blocks"}},
		"PEM, trailing DER":        {testkeys.PEM(label, append(bytes.Clone(der), 0x05, 0x00)), []string{"after the end of the key"}},
		"PEM, truncated DER":       {testkeys.PEM(label, der[:len(der)-30]), []string{"cut short or damaged"}},
		"PEM with an unknown label": {
			testkeys.PEM("PAYERMAX THING", der), []string{"label in the BEGIN line"},
		},
		"PEM, unknown label":        {testkeys.PEM("PAYERMAX THING", []byte("not a key")), []string{"label in the BEGIN line"}},
		"two lines of base64":       {line + "\n" + line, []string{"after the end of the key"}},
		"base64, trailing DER":      {testkeys.OneLine(append(bytes.Clone(der), der...)), []string{"after the end of the key"}},
		"base64 cut":                {line[:len(line)/2/4*4+2], []string{"cut short or damaged"}},
		"base64 cut, even":          {line[:len(line)/2/4*4], []string{"cut short or damaged"}},
		"base64 with a stray sign":  {line[:300] + "!" + line[301:], []string{"not a key alone"}},
		"base64, percent, nothing":  {line[:300] + "%ZZ" + line[303:], []string{"not a key alone"}},
		"base64, percent-encoded +": {line[:300] + "%2B" + line[301:], []string{"percent-encoding"}},
		"PEM, damaged armour":       {strings.Replace(block, label+"-----", label+"----", 1), []string{"five hyphens"}},
		"PEM, small letters":        {strings.ReplaceAll(strings.ReplaceAll(block, "BEGIN "+label, "BEGIN private"), "END "+label, "END private"), []string{"label in the BEGIN line"}},
		"base64 of PEM with a mark": {testkeys.OneLine([]byte("\xef\xbb\xbf" + block)), []string{"base64 -d FILE"}},
		"base64 of base64, wrapped": {wrap(testkeys.OneLine([]byte(wrap(line, 64, "\n"))), 76, "\n"), []string{"base64 -d FILE"}},
		"base64 three times":        {testkeys.OneLine([]byte(testkeys.OneLine([]byte(block)))), []string{"base64 -d FILE"}},
		"base64 of an env file":     {testkeys.OneLine([]byte("KEY='" + line + "'\n")), []string{"base64 -d FILE"}},
		"base64 of UTF-16":          {testkeys.OneLine([]byte(utf16LE(block))), []string{"base64 -d FILE"}},
		"base64 of a Java keystore": {testkeys.OneLine([]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02" + string(der))), []string{"Java keystore", "base64 -d FILE > FILE.der"}},
		"JCEKS":                     {"\xce\xce\xce\xce\x00\x00\x00\x02" + string(der), []string{"Java keystore", "keytool"}},
		"BKS":                       {"\x00\x00\x00\x02\x00\x00\x00\x14" + string(der), []string{"Bouncy Castle keystore (BKS)", "-srcstoretype BKS", "bcprov.jar"}},
		"UBER":                      {"\x00\x00\x00\x01\x00\x00\x00\x14" + string(der), []string{"Bouncy Castle keystore (UBER)", "-srcstoretype UBER"}},
		"base64 of BKS":             {testkeys.OneLine([]byte("\x00\x00\x00\x02\x00\x00\x00\x14" + string(der))), []string{"Bouncy Castle keystore (BKS)", "base64 -d FILE > FILE.der"}},
		"DER of no key":             {"\x30\x82\x01\x00\x30\x81\xfd" + "\x04\x81\xfa" + strings.Repeat("x", 250), []string{"binary DER, but not of a key"}},
		"JWK":                       {`{"kty":"RSA","n":"` + base64.RawURLEncoding.EncodeToString(der) + `","e":"AQAB"}`, []string{"JSON Web Key"}},
		"JWK Set":                   {`{ "keys": [ {"kty":"RSA","n":"` + base64.RawURLEncoding.EncodeToString(der) + `","e":"AQAB"} ] }`, []string{"JSON Web Key"}},
		"base64 of a JWK":           {testkeys.OneLine([]byte(`{"kty":"RSA","n":"` + base64.RawURLEncoding.EncodeToString(der) + `"}`)), []string{"base64 -d FILE"}},
		".NET XML":                  {"<RSAKeyValue><Modulus>" + line + "</Modulus></RSAKeyValue>", []string{"ToXmlString"}},
		"base64 of .NET XML":        {testkeys.OneLine([]byte("<RSAKeyValue><Modulus>" + line + "</Modulus></RSAKeyValue>")), []string{"base64 -d FILE"}},
		"OpenPGP":                   {"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" + line + "\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----\n", []string{"OpenPGP"}},
		"base64 of PEM":             {testkeys.OneLine([]byte(block)), []string{"Kubernetes", "base64 -d FILE"}},
		"base64 of the other half":  {testkeys.OneLine([]byte(other)), []string{"it is a ", ", but "}},
		"base64 of base64":          {testkeys.OneLine([]byte(line)), []string{"Kubernetes", "base64 -d FILE"}},
		"hexadecimal":               {new(big.Int).SetBytes(der).Text(16), []string{"hexadecimal", "xxd -r -p"}},
		"hexadecimal, 0x":           {"0x" + new(big.Int).SetBytes(der).Text(16), []string{"hexadecimal", "without 0x"}},
		"BEGIN misspelt":            {strings.Replace(block, "BEGIN", "BEGNI", 1), []string{"BEGIN or the END line", "misspelt"}},
		"END misspelt":              {strings.Replace(block, "-----END ", "-----EDN ", 1), []string{"misspelt"}},
		"both misspelt":             {strings.NewReplacer("BEGIN ", "BEGIN_", "END ", "FIN ").Replace(strings.ReplaceAll(block, "BEGIN ", "BGIN ")), []string{"misspelt"}},
		"six hyphens":               {strings.ReplaceAll(block, "-----", "------"), []string{"more than five hyphens"}},
		"six hyphens at the end":    {strings.Replace(block, label+"-----\n", label+"------\n", 1), []string{"more than five hyphens"}},
		"a patch that removes it":   {numbered(block, 0, "-%[2]s\n"), []string{"a minus sign before it, as in a patch"}},
		"a patch, other lines too":  {strings.Replace(numbered(block, 0, "+%[2]s\n"), "+"+lines[3], " "+lines[3], 1), []string{"base64 in its PEM block", "damaged"}},
		"line numbers, one missing": {strings.Replace(numbered(block, 1, "%d: %s\n"), "3: "+lines[2], "", 1), []string{"base64 in its PEM block", "damaged"}},
		"mail, damaged":             {strings.Replace(block, lines[2], "=3D=ZZ"+lines[2], 1), []string{"base64 in its PEM block", "damaged"}},
		"commented out":             {numbered(block, 0, "# %[2]s\n"), []string{"only white space or comments"}},
		"base64 of hexadecimal":     {testkeys.OneLine([]byte(new(big.Int).SetBytes(der).Text(16))), []string{"of a text that cannot be used either: it is hexadecimal", "base64 -d FILE"}},
		"UTF-16, byte order mark":   {utf16LE(block), []string{"UTF-16", "iconv"}},
		"UTF-16, none":              {utf16LE(line)[2:], []string{"UTF-16", "iconv"}},
		"UTF-16, big endian":        {"\xfe\xff\x00" + utf16LE(line)[2:], []string{"UTF-16", "iconv"}},
		"NUL bytes at the end":      {block + "\x00\x00", []string{"NUL bytes"}},
		"more than 64 KiB":          {strings.Repeat("# a comment\n", 6000) + block, []string{"larger than 64 KiB"}},
		"Java keystore":             {"\xfe\xed\xfe\xed\x00\x00\x00\x02" + string(der), []string{"Java keystore", "keytool"}},
		"percent-encoded":           {url.QueryEscape(line + "="), []string{"percent-encoding"}},
		"percent-encoded PEM":       {url.PathEscape(block), []string{"percent-encoding"}},
		"em dashes":                 {strings.ReplaceAll(block, "-----", "\u2014\u2014"), []string{"BEGIN line", "five plain hyphens"}},
		"four hyphens":              {strings.ReplaceAll(block, "-----", "----"), []string{"BEGIN line", "five plain hyphens"}},
		"lower case":                {strings.ToLower(lines[0]) + strings.Join(lines[1:len(lines)-2], "") + strings.ToLower(lines[len(lines)-2]), []string{"BEGIN line"}},
		"env file of two settings":  {"APP_ID=1\nKEY=" + line + "\n", []string{"has other settings"}},
		"JSON of two keys":          {`{"old":"` + line + `","key":"` + testkeys.OneLine(stranger(label)) + `"}`, []string{"has other settings"}},
		"two below a digest":        {"# SHA256 pin of the public key: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWFGkMoBBU=\n" + line + "\n" + testkeys.OneLine(stranger(label)), []string{""}},
		"a comment of HTML":         {"# old: <br>" + line + "<br># x", []string{"only white space or comments"}},
		"JSON, twice the name":      {`{"key":"` + line + `","key":"` + testkeys.OneLine(stranger(label)) + `"}`, []string{"has other settings"}},
		"JSON, a key and half one":  {`{"key":"` + line[:len(line)/2] + `","previous":"` + testkeys.OneLine(stranger(label)) + `"}`, []string{"has other settings"}},
		"JSON, a key and hex":       {`{"key":"` + hex.EncodeToString(der) + `","previous":"` + testkeys.OneLine(stranger(label)) + `"}`, []string{"has other settings"}},
		"JSON, a key and a coded":   {`{"key":"` + testkeys.OneLine([]byte(block)) + `","previous":"` + testkeys.OneLine(stranger(label)) + `"}`, []string{"has other settings"}},
		"JSON, a key and lines":     {`{"key":["` + strings.Join(strings.Split(strings.TrimSpace(block), "\n"), `","`) + `"],"previous":"` + testkeys.OneLine(stranger(label)) + `"}`, []string{""}},
		"JSON, not quite":           {`{"appId":"1","key":"` + line + `",}`, []string{"has other settings"}},
		"binary, cut":               {string(der[:len(der)-30]), []string{"binary DER, cut short or damaged"}},
		"binary, as UTF-8":          {strings.ToValidUTF8(string(der), "\ufffd"), []string{"binary DER, cut short or damaged"}},
		"binary, more behind":       {string(der) + "more", []string{"binary DER, cut short or damaged"}},
		"binary, line break":        {string(der) + "\r\n", []string{"binary DER, not text", "-inform DER"}},
		"PKCS#12 in BER":            {"\x30\x80\x02\x01\x03\x30\x80\x06\x09" + string(der), []string{"PKCS #12 keystore", "openssl pkcs12 -in FILE "}},
		"PKCS#12 in BER inside":     {"\x30\x82\x40\x00\x02\x01\x03\x30\x80\x06\x09" + string(der), []string{"PKCS #12 keystore"}},
		"PKCS#12 in BER, RC2":       {"\x30\x80\x02\x01\x03\x30\x80" + "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06" + string(der), []string{"PKCS #12 keystore", "-legacy"}},
		"PKCS#12 in BER, base64":    {testkeys.OneLine([]byte("\x30\x80\x02\x01\x03\x30\x80\x06\x09" + string(der))), []string{"PKCS #12 keystore", "base64 -d FILE"}},
		"PKCS#7 in BER":             {"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80" + string(der), []string{"PKCS #7"}},
		"Java":                      {`String key = "` + line + `";`, []string{"has other settings"}},
		"a Secret's manifest":       {"kind: Secret\ndata:\n  key: " + testkeys.OneLine([]byte(block)) + "\n", []string{"has other settings"}},
		"a data URL":                {"data:text/plain;base64," + testkeys.OneLine([]byte(block)), []string{"has other settings"}},
		"RTF, base64":               {"{\\rtf1\\ansi\\f0\\fs24 " + line + "}", []string{"word processor (RTF)", "plain text"}},
		"RTF of Word":               {"{\\rtf1\\ansi\\f0\\fs22 " + strings.ReplaceAll(block, "\n", "\\par\r\n") + "}", []string{"word processor (RTF)"}},
		"RTF of WordPad":            {"{\\rtf1\\ansi\\f0\\fs22 " + line + "\\par\r\n}\r\n\x00", []string{"word processor (RTF)"}},
		"HTML":                      {"<!DOCTYPE html><p>404</p>", []string{"XML or HTML"}},
		"a pointer of Git LFS":      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", []string{"git lfs pull"}},
		"Ansible's vault":           {"$ANSIBLE_VAULT;1.1;AES256\n6231\n", []string{"still encrypted"}},
		"age":                       {"age-encryption.org/v1\n-> X25519 a\n", []string{"still encrypted"}},
		"OpenSSL's encryption":      {"U2FsdGVkX1" + line, []string{"still encrypted"}},
		"a template's nothing":      {"<no value>\n", []string{"a missing value"}},
		"Go's nothing":              {"<nil>", []string{"a missing value"}},
		"null":                      {"null\n", []string{"a missing value"}},
		"a variable of GitHub":      {"${{ secrets.PAYERMAX_KEY }}", []string{"was not expanded"}},
		"a path of Windows":         {`C:\keys\private.key`, []string{"says where the key is"}},
		"a path behind an at sign":  {"@/run/secrets/key", []string{"says where the key is"}},
		"an ARN":                    {"arn:aws:secretsmanager:eu-west-1:1:secret:payermax", []string{"says where the key is"}},
		"comments alone":            {"# of 2026\n# by PayerMax\n", []string{"only white space or comments"}},
		"a variable":                {"${PAYERMAX_KEY}", []string{"was not expanded"}},
		"a placeholder":             {"{env.PAYERMAX_KEY}\n", []string{"was not expanded"}},
		"a file's placeholder":      {"{file./run/secrets/key}", []string{"was not expanded"}},
		"a template":                {"{{ .Values.key }}\n", []string{"was not expanded"}},
		"a path":                    {"/run/secrets/private.key\n", []string{"says where the key is"}},
		"a reference":               {"op://vault/payermax/key", []string{"says where the key is"}},
		"a Vault path":              {"vault:secret/data/payermax#key", []string{"says where the key is"}},
		"zeros":                     {strings.Repeat("\x00", 100), []string{"NUL bytes"}},
		"a sentence":                {"My key is in the safe.", []string{"not a key"}},
		"base64 of PEM, cut":        {testkeys.OneLine([]byte(block))[:401], []string{"does not begin like a key", "copy the key again"}},
		"base64, its beginning cut": {line[10:], []string{"does not begin like a key"}},
		"base64 of anything binary": {testkeys.OneLine([]byte(strings.Repeat("(\xb7\x10", 100) + "%2B")), []string{"does not begin like a key"}},
		"base64 cut by one letter":  {strings.TrimRight(line, "=")[:len(line)/2/4*4+1], []string{"base64 is cut short"}},
		"nothing in quotes":         {`""`, []string{"not a key"}},
		"a name without a value":    {"MY_KEY=", []string{"not a key"}},
		"PEM of an empty SEQUENCE":  {testkeys.PEM(label, []byte{0x30, 0}), []string{"not a key"}},
		"PEM of two NULLs":          {testkeys.PEM(label, []byte{0x30, 4, 5, 0, 5, 0}), []string{"not a key"}},
		"PEM of OID and number":     {testkeys.PEM(label, []byte{0x30, 6, 6, 1, 42, 2, 1, 1}), []string{"not a key"}},
		"PEM, cut inside":           {testkeys.PEM(label, []byte{0x30, 3, 2, 5, 1}), []string{"cut short or damaged"}},
		"PEM, small letters, YAML":  {"  " + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(block, "BEGIN "+label, "BEGIN private"), "END "+label, "END private"), "\n", "\n  "), []string{"label in the BEGIN line"}},
		"PEM on a line, text after": {strings.ReplaceAll(block, "\n", " ") + "made by somebody", []string{"text after the END line"}},
		"OpenSSH without armour":    {testkeys.OneLine([]byte("openssh-key-v1\x00\x00\x00\x00\x04none" + string(der))), []string{"OpenSSH's own format", "BEGIN and END"}},
		"hexadecimal of a sentence": {new(big.Int).SetBytes([]byte(strings.Repeat("My key is in the safe. ", 5))).Text(16), []string{"not a key"}},
		"hexadecimal of zeros":      {strings.Repeat("00", 100), []string{"not a key"}},
		"a password":                {"PASSWORDPASSWORDPASSWORD", []string{"not a key"}},
		"base64 of a sentence":      {testkeys.OneLine([]byte("2 keys are in the safe")), []string{"not a key"}},
		"base64 of other DER":       {testkeys.OneLine(append([]byte{0x30, 0x20}, make([]byte, 0x20)...)), []string{"not a key"}},
		"binary":                    {"\x30\x80" + string(der), []string{"binary DER", "-inform DER"}},
		"binary DER":                {string(der), []string{"binary DER", "-inform DER"}},
	}
}

func TestPrivateKeysRefused(t *testing.T) {
	key := testkeys.Merchant()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ecDER, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	encrypted := derOf(t, struct {
		Algorithm algorithmID
		Data      []byte
	}{algorithmID{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}}, testkeys.PKCS8(key)})
	dsa := derOf(t, []*big.Int{big.NewInt(0), key.N, key.D, key.Primes[0], key.Primes[1], key.Precomputed.Dp})
	keystore := derOf(t, struct {
		Version     int
		Safe        algorithmID
		MacOverData algorithmID
	}{3, algorithmID{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}}, algorithmID{oidRSA}})
	request, err := x509.CreateCertificateRequest(rand.Reader, new(x509.CertificateRequest), key)
	require.NoError(t, err)
	huge := new(big.Int).Lsh(key.N, 8192)
	valid := testkeys.PrivatePEM(key)

	tests := map[string]refused{
		"encrypted":                    {testkeys.PEM("ENCRYPTED PRIVATE KEY", encrypted), []string{"passphrase", "openssl pkcs8 -topk8 -nocrypt -in FILE -out FILE.pem"}},
		"encrypted, base64":            {testkeys.OneLine(encrypted), []string{"passphrase"}},
		"encrypted, legacy":            {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n" + testkeys.OneLine(testkeys.PKCS1(key)) + "\n-----END RSA PRIVATE KEY-----\n", []string{"passphrase"}},
		"EC":                           {testkeys.PEM("EC PRIVATE KEY", ecDER), []string{"an EC key", "needs RSA", "openssl genpkey"}},
		"EC with parameters":           {testkeys.PEM("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}) + testkeys.PEM("EC PRIVATE KEY", ecDER), []string{"an EC key"}},
		"EC in PKCS#8":                 {testkeys.PrivatePEM(ec), []string{"an EC key"}},
		"EC, one line":                 {testkeys.OneLine(ecDER), []string{"an EC key"}},
		"EC labelled RSA":              {testkeys.PEM("RSA PRIVATE KEY", ecDER), []string{"an EC key"}},
		"Ed25519":                      {testkeys.PrivatePEM(ed), []string{"Ed25519", "needs RSA"}},
		"X25519":                       {testkeys.PrivatePEM(x25519), []string{"another algorithm", "needs RSA"}},
		"DSA":                          {testkeys.PEM("DSA PRIVATE KEY", dsa), []string{"a DSA key", "needs RSA"}},
		"DSA, one line":                {testkeys.OneLine(dsa), []string{"a DSA key"}},
		"DSA in PKCS#8":                {testkeys.PEM("PRIVATE KEY", pkcs8Of(t, oidDSA, dsa)), []string{"a DSA key"}},
		"RSA for PSS":                  {testkeys.PEM("PRIVATE KEY", pkcs8Of(t, oidPSS, testkeys.PKCS1(key))), []string{"restricted to PSS"}},
		"1024 bits":                    {testkeys.PrivatePEM(testkeys.Small()), []string{"1024 bits", "at least 2048", "openssl genpkey"}},
		"1024 bits, one line":          {testkeys.OneLine(testkeys.PKCS1(testkeys.Small())), []string{"1024 bits"}},
		"2047 bits":                    {testkeys.OneLine(edited(t, func(n *numbers) { n.N = new(big.Int).Rsh(n.N, 1) })), []string{"2047 bits"}},
		"10240 bits":                   {testkeys.OneLine(edited(t, func(n *numbers) { n.N = huge })), []string{"10240 bits", "8192"}},
		"public":                       {testkeys.PublicPEM(&key.PublicKey), []string{"a public key, but the private key"}},
		"public PKCS#1":                {testkeys.PEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)), []string{"a public key, but the private key"}},
		"public, one line":             {testkeys.OneLine(testkeys.SPKI(&key.PublicKey)), []string{"a public key, but the private key"}},
		"public, labelled private":     {testkeys.PEM("PRIVATE KEY", testkeys.SPKI(&key.PublicKey)), []string{"a public key, but the private key"}},
		"public, binary":               {string(testkeys.SPKI(&key.PublicKey)), []string{"a public key, but the private key"}},
		"private, labelled public":     {testkeys.PEM("PUBLIC KEY", testkeys.PKCS8(key)), []string{"label in the BEGIN line"}},
		"public of OpenSSH":            {"ssh-rsa AAAAB3NzaC1yc2E payermax\n", []string{"a public key, but the private key"}},
		"PuTTY":                        {"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: payermax\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 00\n", []string{"PuTTY", "puttygen"}},
		"certificate":                  {testkeys.PEM("CERTIFICATE", certificateDER(t)), []string{"a certificate", "the private key is expected"}},
		"chain of certificates":        {testkeys.PEM("CERTIFICATE", certificateDER(t)) + testkeys.PEM("CERTIFICATE", certificateDER(t)), []string{"a certificate"}},
		"certificate, one line":        {testkeys.OneLine(certificateDER(t)), []string{"a certificate"}},
		"certificate request":          {testkeys.OneLine(request), []string{"a certificate request", "the private key is expected"}},
		"key and its certificate":      {valid + testkeys.PEM("CERTIFICATE", certificateDER(t)), []string{"2 PEM blocks"}},
		"key and an unfinished second": {valid + valid[:500], []string{"no END line"}},
		"unfinished and a whole key":   {valid[:500] + "\n" + valid, []string{"no END line"}},
		"OpenSSH":                      {testkeys.PEM("OPENSSH PRIVATE KEY", append([]byte("openssh-key-v1\x00"), testkeys.PKCS1(key)...)), []string{"OpenSSH", "ssh-keygen -p"}},
		"OpenSSH, RSA, base64":         {testkeys.OneLine([]byte(openSSH("ssh-rsa"))), []string{"of a text that cannot be used either: it is in OpenSSH's own format", "base64 -d FILE"}},
		"OpenSSH, EC, base64":          {testkeys.OneLine([]byte(openSSH("ecdsa-sha2-nistp256"))), []string{"private key: it is an EC key", "needs RSA"}},
		"PuTTY, base64":                {testkeys.OneLine([]byte("PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n")), []string{"it is in PuTTY's format", "base64 -d FILE"}},
		"certificate, base64 of PEM":   {testkeys.OneLine([]byte(testkeys.PEM("CERTIFICATE", certificateDER(t)))), []string{"private key: it is a certificate, which holds a public key only"}},
		"OpenSSH, RSA":                 {openSSH("ssh-rsa"), []string{"OpenSSH's own format", "ssh-keygen -p"}},
		"OpenSSH, Ed25519":             {openSSH("ssh-ed25519"), []string{"Ed25519", "needs RSA"}},
		"OpenSSH, Ed25519, indented":   {"  " + strings.ReplaceAll(openSSH("ssh-ed25519"), "\n", "\n  "), []string{"Ed25519", "needs RSA"}},
		"OpenSSH, EC":                  {openSSH("ecdsa-sha2-nistp256"), []string{"an EC key", "needs RSA"}},
		"OpenSSH, DSA":                 {openSSH("ssh-dss"), []string{"a DSA key", "needs RSA"}},
		"OpenSSH, security key":        {openSSH("sk-ssh-ed25519@openssh.com"), []string{"another algorithm", "needs RSA"}},
		"OpenSSH, cut":                 {testkeys.PEM("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00\x00\x00\x00\x04none\x00\x00\x00\xff")), []string{"OpenSSH's own format"}},
		"OpenSSH, cut before the key":  {testkeys.PEM("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")), []string{"OpenSSH's own format"}},
		"PuTTY, Ed25519":               {"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", []string{"Ed25519", "needs RSA"}},
		"PuTTY, EC, in Windows":        {"PuTTY-User-Key-File-2: ecdsa-sha2-nistp256\r\nEncryption: none\r\n", []string{"an EC key", "needs RSA"}},
		"public of a security key":     {"sk-ssh-ed25519@openssh.com AAAA payermax\n", []string{"a public key, but the private key"}},
		"PKCS#12, base64":              {testkeys.OneLine(keystore), []string{"PKCS #12", "openssl pkcs12"}},
		"D of another key":             {testkeys.OneLine(edited(t, func(n *numbers) { n.D = testkeys.Stranger().D })), []string{"inconsistent numbers"}},
		"N of another key":             {testkeys.PEM("PRIVATE KEY", pkcs8Of(t, oidRSA, edited(t, func(n *numbers) { n.N = testkeys.Stranger().N }))), []string{"inconsistent numbers"}},
		"prime off by two":             {testkeys.OneLine(edited(t, func(n *numbers) { n.P = new(big.Int).Add(n.P, big.NewInt(2)) })), []string{"inconsistent numbers"}},
		"CRT exponent off by one":      {testkeys.OneLine(edited(t, func(n *numbers) { n.Dp = new(big.Int).Add(n.Dp, big.NewInt(1)) })), []string{"inconsistent numbers"}},
		"CRT coefficient off by one":   {testkeys.OneLine(edited(t, func(n *numbers) { n.Qi = new(big.Int).Add(n.Qi, big.NewInt(1)) })), []string{"inconsistent numbers"}},
		"negative number":              {testkeys.OneLine(edited(t, func(n *numbers) { n.D = new(big.Int).Neg(n.D) })), []string{"inconsistent numbers"}},
		"binary, ends like a line":     {string(edited(t, func(n *numbers) { n.Qi = endsIn(n.Qi, '\n') })) + "\r\n", []string{"binary DER, not text", "-inform DER"}},
		"PKCS#8 with nothing inside":   {testkeys.PEM("PRIVATE KEY", pkcs8Of(t, oidRSA, nil)), []string{"cut short or damaged"}},
		"PKCS#8 with a public key":     {testkeys.PEM("PRIVATE KEY", pkcs8Of(t, oidRSA, x509.MarshalPKCS1PublicKey(&key.PublicKey))), []string{"cut short or damaged"}},
		"PKCS#8 with a SET inside":     {testkeys.PEM("PRIVATE KEY", pkcs8Of(t, oidRSA, append([]byte{0x31}, testkeys.PKCS1(key)[1:]...))), []string{"cut short or damaged"}},
		"PKCS#8, trailing data inside": {testkeys.PEM("PRIVATE KEY", pkcs8Of(t, oidRSA, append(testkeys.PKCS1(key), 5, 0))), []string{"after the end of the key"}},
		"PKCS#8, wrong algorithm type": {testkeys.PEM("PRIVATE KEY", derOf(t, struct {
			Version   int
			Algorithm struct{ A int }
			Key       []byte
		}{Key: testkeys.PKCS1(key)})), []string{"cut short or damaged"}},
	}
	for name, test := range accidents("PRIVATE KEY", testkeys.PKCS8(key)) {
		tests[name] = test
	}
	for name, test := range accidents("RSA PRIVATE KEY", testkeys.PKCS1(key)) {
		tests[name+" (PKCS#1)"] = test
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key, err := ParsePrivateKey([]byte(test.text))
			assert.Nil(t, key)
			checkRefused(t, err, "private key: ", test)
		})
	}
}

func TestPublicKeysRefused(t *testing.T) {
	key := &testkeys.Merchant().PublicKey
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	even := new(big.Int).Lsh(new(big.Int).Rsh(key.N, 1), 1)

	tests := map[string]refused{
		"private PKCS#8":           {testkeys.PrivatePEM(testkeys.Merchant()), []string{"a private key, but a public key", "secret"}},
		"private PKCS#1":           {testkeys.PEM("RSA PRIVATE KEY", testkeys.PKCS1(testkeys.Merchant())), []string{"a private key, but a public key"}},
		"private, one line":        {testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant())), []string{"a private key, but a public key"}},
		"private, labelled public": {testkeys.PEM("PUBLIC KEY", testkeys.PKCS8(testkeys.Merchant())), []string{"a private key, but a public key"}},
		"private, binary":          {string(testkeys.PKCS8(testkeys.Merchant())), []string{"a private key, but a public key"}},
		"private of OpenSSH":       {testkeys.PEM("OPENSSH PRIVATE KEY", testkeys.PKCS1(testkeys.Merchant())), []string{"a private key, but a public key"}},
		"private EC":               {testkeys.PrivatePEM(ec), []string{"a private key, but a public key"}},
		"encrypted":                {testkeys.PEM("ENCRYPTED PRIVATE KEY", testkeys.PKCS8(testkeys.Merchant())), []string{"a private key, but a public key"}},
		"certificate":              {testkeys.PEM("CERTIFICATE", certificateDER(t)), []string{"a certificate", "openssl x509 -in FILE -pubkey -noout"}},
		"certificate, one line":    {testkeys.OneLine(certificateDER(t)), []string{"a certificate"}},
		"certificate, binary":      {string(certificateDER(t)), []string{"a certificate"}},
		"OpenSSH":                  {"ssh-rsa AAAAB3NzaC1yc2E payermax\n", []string{"OpenSSH", "ssh-keygen -e -m PKCS8"}},
		"OpenSSH, Ed25519":         {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 payermax\n", []string{"Ed25519", "PayerMax's is an RSA key"}},
		"OpenSSH, EC":              {"ecdsa-sha2-nistp256 AAAAE2VjZHNh payermax\n", []string{"an EC key", "PayerMax's is an RSA key"}},
		"OpenSSH, security key":    {"sk-ecdsa-sha2-nistp256@openssh.com AAAA\n", []string{"another algorithm"}},
		"EC":                       {testkeys.PublicPEM(&ec.PublicKey), []string{"an EC key", "PayerMax's is an RSA key"}},
		"Ed25519":                  {testkeys.PublicPEM(ed), []string{"Ed25519", "PayerMax's is an RSA key"}},
		"DSA":                      {testkeys.PEM("PUBLIC KEY", spkiOf(t, oidDSA, key.N.Bytes())), []string{"a DSA key"}},
		"another algorithm":        {testkeys.OneLine(spkiOf(t, asn1.ObjectIdentifier{1, 2, 3}, key.N.Bytes())), []string{"another algorithm"}},
		"RSA for PSS":              {testkeys.OneLine(spkiOf(t, oidPSS, x509.MarshalPKCS1PublicKey(key))), []string{"restricted to PSS"}},
		"1024 bits":                {testkeys.OneLine(testkeys.SPKI(&testkeys.Small().PublicKey)), []string{"1024 bits", "at least 2048", "dashboard"}},
		"2047 bits":                {testkeys.OneLine(testkeys.SPKI(ofBits(2047))), []string{"2047 bits", "at least 2048"}},
		"8193 bits":                {testkeys.OneLine(testkeys.SPKI(ofBits(8193))), []string{"8193 bits", "8192"}},
		"16384 bits":               {testkeys.OneLine(testkeys.SPKI(&rsa.PublicKey{N: new(big.Int).Lsh(key.N, 16384-2048), E: 3})), []string{"16384 bits", "8192"}},
		"even modulus":             {testkeys.OneLine(testkeys.SPKI(&rsa.PublicKey{N: even, E: 65537})), []string{"cannot be used"}},
		"exponent 1":               {testkeys.OneLine(testkeys.SPKI(&rsa.PublicKey{N: key.N, E: 1})), []string{"cannot be used"}},
		"even exponent":            {testkeys.OneLine(testkeys.SPKI(&rsa.PublicKey{N: key.N, E: 65536})), []string{"cannot be used"}},
		"enormous exponent":        {testkeys.OneLine(derOf(t, struct{ N, E *big.Int }{key.N, key.N})), []string{"cannot be used"}},
		"negative modulus":         {testkeys.OneLine(derOf(t, struct{ N, E *big.Int }{new(big.Int).Neg(key.N), big.NewInt(65537)})), []string{"cannot be used"}},
		"SPKI with nothing inside": {testkeys.OneLine(spkiOf(t, oidRSA, nil)), []string{"cut short or damaged"}},
	}
	for name, test := range accidents("PUBLIC KEY", testkeys.SPKI(key)) {
		tests[name] = test
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key, err := ParsePublicKey([]byte(test.text))
			assert.Nil(t, key)
			checkRefused(t, err, "public key: ", test)
		})
	}
}

// Real files that OpenSSL's commands write are refused like the synthetic ones above.
func TestRefusedFilesOfOpenSSL(t *testing.T) {
	files := map[string]string{"private.pem": testkeys.PrivatePEM(testkeys.Merchant())}
	files["cert.pem"] = openssl(t, files, strings.Fields("req -x509 -new -key private.pem -subj /CN=payermax -days 1")...)
	files["dsaparam"] = openssl(t, nil, strings.Fields("genpkey -quiet -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024")...)

	for args, want := range map[string]string{
		"pkcs8 -topk8 -passout pass:payermax -in private.pem":                              "passphrase",
		"rsa -traditional -aes128 -passout pass:payermax -in private.pem":                  "passphrase",
		"genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256":                    "an EC key",
		"ecparam -genkey -name prime256v1":                                                 "an EC key",
		"genpkey -quiet -algorithm ED25519":                                                "Ed25519",
		"genpkey -quiet -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048":                  "restricted to PSS",
		"genpkey -quiet -paramfile dsaparam":                                               "a DSA key",
		"genrsa 512":                                                                       "512 bits",
		"genrsa 1024":                                                                      "1024 bits",
		"rsa -in private.pem -pubout":                                                      "a public key, but the private key",
		"rsa -in private.pem -RSAPublicKey_out":                                            "a public key, but the private key",
		"req -new -key private.pem -subj /CN=payermax":                                     "a certificate",
		"pkcs8 -topk8 -nocrypt -in private.pem -outform DER -out %OUT%":                    "binary DER",
		"rsa -traditional -in private.pem -outform DER -out %OUT%":                         "binary DER",
		"pkcs12 -export -passout pass:payermax -inkey private.pem -in cert.pem -out %OUT%": "PKCS #12",
	} {
		t.Run(args, func(t *testing.T) {
			text := openssl(t, files, strings.Fields(args)...)
			_, err := ParsePrivateKey([]byte(text))
			checkRefused(t, err, "private key: ", refused{text, []string{want}})
		})
	}
}

// The command for a keystore has -legacy only if the keystore names old ciphers.
func TestLegacyKeystores(t *testing.T) {
	for algorithm, legacy := range map[int]bool{1: true, 2: true, 3: false, 4: false, 5: true, 6: true} {
		cipher := algorithmID{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, algorithm}}
		keystore := derOf(t, struct {
			Version int
			Safe    algorithmID
		}{3, cipher})
		_, err := ParsePrivateKey([]byte(testkeys.PEM("PRIVATE KEY", keystore)))
		require.ErrorContains(t, err, "PKCS #12 keystore")
		assert.Equal(t, legacy, strings.Contains(err.Error(), "-legacy"), "%v", err)

		_, err = ParsePrivateKey([]byte(testkeys.PEM("PRIVATE KEY", derOf(t, []algorithmID{cipher}))))
		assert.ErrorIs(t, err, errNotAKey)
	}
}

// Every form that is not accepted in a role has a refusal with a text.
func TestEveryFormIsAcceptedOrRefusedInWords(t *testing.T) {
	command := regexp.MustCompile(`FILE|COPY|private\.pem`)
	for f := pkcs8; f <= javaKeystore; f++ {
		for _, want := range []role{privateKey, publicKey} {
			message := refusal(f, want).Error()
			assert.Equal(t, f.fits(want), message == "", "form %d as %s: %q", f, want, message)
			if strings.Contains(message, "openssl") || strings.Contains(message, "ssh-keygen") {
				assert.Regexp(t, command, message)
			}
		}
	}
}

// The error about base64 that sed and tr cannot extract from its file has no command,
// rather than one that fails.
func TestBase64WithoutCommand(t *testing.T) {
	t.Parallel()
	pem := testkeys.PrivatePEM(testkeys.Merchant())
	for name, text := range map[string]string{
		"URL-safe, of PEM with a mark": strings.NewReplacer("+", "-", "/", "_").Replace(testkeys.OneLine([]byte("\xef\xbb\xbf\u00bf\n" + pem))),
		"no padding":                   strings.TrimRight(testkeys.OneLine([]byte(strings.Repeat("\n", (4-len(pem)%3)%3)+pem)), "="),
		"line breaks written out":      "\"" + wrap(testkeys.OneLine([]byte(pem)), 64, `\n`) + "\"",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePrivateKey([]byte(text))
			require.ErrorContains(t, err, "as Kubernetes shows Secrets; leave only the base64 in the file")
			assert.NotContains(t, err.Error(), "with: ")
		})
	}
}

// Private and public keys in JSON Web Keys and .NET's XML are distinguished by the part
// that only private keys have.
func TestWhichKeyIsInJWKAndXML(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text    string
		private string // the error where the private key is expected
		public  string
	}{
		"private JWK": {`{"kty":"RSA","n":"AQAB","e":"AQAB","d" : "AQAB"}`, "it is a JSON Web Key; have", "it is a private key, but"},
		"public JWK":  {`{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"d"}`, "it is a public key, in a JSON Web Key", "it is a JSON Web Key; copy"},
		"private XML": {"<RSAKeyValue><Modulus>AQAB</Modulus><D>AQAB</D></RSAKeyValue>", "it is XML, as .NET's", "it is a private key, but"},
		"public XML":  {"<RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue>", "it is a public key, in XML", "it is XML, as .NET's"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePrivateKey([]byte(test.text))
			assert.ErrorContains(t, err, "private key: "+test.private)
			_, err = ParsePublicKey([]byte(test.text))
			assert.ErrorContains(t, err, "public key: "+test.public)
			_, _, err = ParseKey([]byte(test.text))
			assert.ErrorContains(t, err, "key: it is ")
			assert.NotContains(t, err.Error(), "is expected here", "either would do")
		})
	}
}
