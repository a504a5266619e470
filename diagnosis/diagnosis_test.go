package diagnosis

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// request is a body as the sidecar sends it.
const request = `{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"3b242b56a8b64274bcc37dac281120e3","merchantNo":"020213827212251",` +
	`"data":{"totalAmount":15000000,"currency":"IDR","country":"ID","userId":"U10001","subject":"60钻石 <b>","frontCallbackUrl":"https://example.com/a?b=c","reference":null,"extra":{}}}`

// signature signs with a hash and PKCS #1 v1.5 padding.
func signature(t testing.TB, key *rsa.PrivateKey, hash crypto.Hash, message []byte) []byte {
	t.Helper()
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, hash, digestOf(hash, message))
	require.NoError(t, err)
	return signature
}

// sign signs as PayerMax requires.
func sign(t testing.TB, key *rsa.PrivateKey, message string) string {
	return base64.StdEncoding.EncodeToString(signature(t, key, crypto.SHA256, []byte(message)))
}

// bare applies the private key to a message without any padding, like openssl pkeyutl
// -pkeyopt rsa_padding_mode:none.
func bare(key *rsa.PrivateKey, message []byte) string {
	s := new(big.Int).Exp(new(big.Int).SetBytes(message), key.D, key.N)
	return base64.StdEncoding.EncodeToString(s.FillBytes(make([]byte, key.Size())))
}

// requireSilent fails if the diagnosis repeats any twelve consecutive characters of a
// text.
func requireSilent(t *testing.T, d Diagnosis, text string) {
	t.Helper()
	said := d.Advice
	for _, finding := range d.Further {
		said += finding.Advice
	}
	testkeys.RequireSilent(t, said, text, 12)
}

func TestValid(t *testing.T) {
	for _, body := range []string{"", request, "\xff\x00", strings.Repeat("x", 1<<20)} {
		d := Diagnose(&testkeys.Merchant().PublicKey, []byte(body), sign(t, testkeys.Merchant(), body))
		assert.Equal(t, Valid, d.Cause)
		assert.Empty(t, d.Further)
		assert.Same(t, &testkeys.Merchant().PublicKey, d.Signer)
		sum := sha256.Sum256([]byte(body))
		assert.Equal(t, sum[:], d.Digest)
		assert.Equal(t, crypto.SHA256, d.Hash)
	}
}

// Bodies, and the bytes that were signed instead.
func TestOtherBytes(t *testing.T) {
	const pretty = "{\r\n \"version\": \"1.5\",\r\n \"data\": {\r\n  \"a\": 1\r\n }\r\n}"
	unix := strings.ReplaceAll(pretty, "\r\n", "\n")
	quoted, err := json.Marshal(request)
	require.NoError(t, err)
	data := request[strings.Index(request, `"data":`)+len(`"data":`) : len(request)-1]
	const sortedMembers = `{"version":"1.5","keyVersion":"1","requestTime":"2026-01-02T03:04:05.006+00:00","appId":"3b242b56a8b64274bcc37dac281120e3","merchantNo":"020213827212251",` +
		`"data":{"country":"ID","currency":"IDR","extra":{},"frontCallbackUrl":"https://example.com/a?b=c","reference":null,"subject":"60钻石 <b>","totalAmount":15000000,"userId":"U10001"}}`
	withSign := strings.Replace(request, `,"data"`, `,"sign":"abc","data"`, 1)
	sum := sha256.Sum256([]byte(request))
	utf16 := func(text string) string { return string(toUTF16(text, 0, 1)) }

	for name, test := range map[string]struct {
		body, signed string
		want         Cause
		says         string
	}{
		"line feed signed":           {request, request + "\n", TrailingNewline, "with a line feed at its end"},
		"line feed sent":             {request + "\n", request, TrailingNewline, "without the line break"},
		"CRLF signed":                {request, request + "\r\n", TrailingNewline, "with CRLF"},
		"CRLF for LF at the end":     {request + "\r\n", request + "\n", TrailingNewline, "with a line feed"},
		"blank lines sent":           {request + "\n\n", request, TrailingNewline, "without"},
		"two line feeds signed":      {request, request + "\n\n", TrailingNewline, "with two line feeds"},
		"CR signed":                  {request, request + "\r", TrailingNewline, "with a carriage return"},
		"CR line endings signed":     {unix, strings.ReplaceAll(unix, "\n", "\r"), LineEndings, "with CR line endings"},
		"CR line endings sent":       {strings.ReplaceAll(unix, "\n", "\r"), unix, LineEndings, "with LF line endings"},
		"spaces after commas":        {`{"a":1,"b":[1,2]}`, `{"a":1, "b":[1, 2]}`, JSONRewritten, "more white space"},
		"spaces around colons":       {`{"a":1,"b":2}`, `{"a" : 1, "b" : 2}`, JSONRewritten, "more white space"},
		"Jackson, indented":          {`{"a":1,"b":2}`, "{\n  \"a\" : 1,\n  \"b\" : 2\n}", JSONRewritten, "more white space"},
		"an empty sign signed":       {request, strings.TrimSuffix(request, "}") + `,"sign":""}`, EnvelopeChanged, "an empty sign"},
		"an empty sign, filled":      {withSign, strings.Replace(withSign, `"abc"`, `""`, 1), EnvelopeChanged, "an empty sign"},
		"a sign of null first":       {`{"a":1}`, `{"sign":null,"a":1}`, EnvelopeChanged, "an empty sign"},
		"base64 of mail signed":      {request, strings.TrimSuffix(wrapped(request, 76, "\r\n"), "\r\n"), Base64Encoded, "wrapped into lines"},
		"base64 of a shell signed":   {request, wrapped(request, 76, "\n"), Base64Encoded, "wrapped into lines"},
		"base64 of OpenSSL signed":   {request, wrapped(request, 64, "\n"), Base64Encoded, "wrapped into lines"},
		"JWS":                        {request, base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(request)), CanonicalText, "JSON Web Signature"},
		"JWS, not encoded":           {request, base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","b64":false,"crit":["b64"]}`)) + "." + request, CanonicalText, "JSON Web Signature"},
		"CRLF sent":                  {pretty, unix, LineEndings, "with LF line endings"},
		"LF sent":                    {unix, pretty, LineEndings, "with CRLF line endings"},
		"CRLF sent, line feed added": {pretty, unix + "\n", TrailingNewline, "with LF line endings and with a line feed"},
		"mark signed":                {request, "\xef\xbb\xbf" + request, ByteOrderMark, "with a UTF-8 byte order mark"},
		"mark sent":                  {"\xef\xbb\xbf" + request, request, ByteOrderMark, "without the byte order mark"},
		"mark and line feed sent":    {"\xef\xbb\xbf" + request + "\n", request, TrailingNewline, "without the byte order mark in front of it and without the line break"},
		"spaces sent":                {"  " + request + "  ", request, WhiteSpace, "without the white space"},
		"a space signed":             {request, request + " ", WhiteSpace, "with a space"},
		"a tab signed in front":      {request, "\t" + request, WhiteSpace, "with a tab"},
		"C's NUL signed":             {request, request + "\x00", WhiteSpace, "with a NUL"},
		"a page's space signed":      {request, "\u00a0" + request + "\u00a0", WhiteSpace, "with a no-break space"},
		"no space signed":            {`{"subject": "a b"}`, `{"subject":"ab"}`, WhiteSpace, "without any white space, even in texts"},
		"HTML signed, Spring":        {`{"a":"b & c's/"}`, `{&quot;a&quot;:&quot;b &amp; c&#39;s/&quot;}`, HTMLEncoded, "character references"},
		"HTML signed, PHP":           {`{"a":"b & c's/"}`, `{&quot;a&quot;:&quot;b &amp; c&#039;s/&quot;}`, HTMLEncoded, "character references"},
		"HTML signed, OWASP":         {`{"a":"b & c's/"}`, `{&quot;a&quot;:&quot;b &amp; c&#x27;s&#x2F;&quot;}`, HTMLEncoded, "character references"},
		"HTML signed, no quotes":     {`{"a":"b & c's/"}`, `{"a":"b &amp; c's/"}`, HTMLEncoded, "character references"},
		"HTML sent":                  {`{&quot;a&quot;:&quot;&eacute;&quot;}`, `{"a":"é"}`, HTMLEncoded, "without them"},
		"a form's field signed":      {request, "data=" + request, QueryString, "form's field"},
		"a form's field, encoded":    {request, "biz_content=" + url.QueryEscape(request), QueryString, "form's field"},
		"nothing signed":             {request, "", NoBody, "covers nothing, not the body"},
		"null signed":                {request, "null", NoBody, `"null"`},
		"object signed":              {request, "[object Object]", NoBody, `"[object Object]"`},
		"cut":                        {request, request[:200], BodyCut, "first 200 of the "},
		"cut by counting characters": {request, request[:len([]rune(request))], BodyCut, "characters"},
		"gzip sent":                  {compressed(t, request, "gzip"), request, Compressed, "compressed"},
		"zlib sent":                  {compressed(t, request, "zlib"), request, Compressed, "compressed"},
		"GBK signed":                 {request, string(encode(simplifiedchinese.GBK, request)), CharacterSet, "GBK"},
		"GBK sent":                   {string(encode(simplifiedchinese.GBK, request)), request, CharacterSet, "GBK"},
		"GBK and a question mark":    {`{"a":"钻石 😀"}`, "{\"a\":\"\xd7\xea\xca\xaf ?\"}", CharacterSet, "GBK"},
		"Big5 signed":                {`{"a":"付款😀"}`, "{\"a\":\"\xa5I\xb4\xda?\"}", CharacterSet, "Big5"},
		"Big5 sent":                  {"{\"a\":\"\xa5I\xb4\xda\xa5\xbb\"}", `{"a":"付款本"}`, CharacterSet, "Big5"},
		"Shift_JIS signed":           {`{"a":"支払いé"}`, "{\"a\":\"\x8ex\x95\xa5\x82\xa2?\"}", CharacterSet, "Shift_JIS"},
		"Shift_JIS sent":             {"{\"a\":\"\x8ex\x95\xa5\x82\xa2\"}", `{"a":"支払い"}`, CharacterSet, "Shift_JIS"},
		"EUC-KR signed":              {`{"a":"결제"}`, "{\"a\":\"\xb0\xe1\xc1\xa6\"}", CharacterSet, "EUC-KR"},
		"EUC-KR sent":                {"{\"a\":\"\xb0\xe1\xc1\xa6\"}", `{"a":"결제"}`, CharacterSet, "EUC-KR"},
		"Windows-1252 sent":          {"{\"a\":\"\x80\x93 \"}", `{"a":"€“ "}`, CharacterSet, "Windows-1252"},
		"U+FFFD signed, each byte":   {"{\"a\":\"\xe4\xbb\"}", "{\"a\":\"\ufffd\ufffd\"}", CharacterSet, "U+FFFD in place of bytes"},
		"U+FFFD signed, a sequence":  {"{\"a\":\"\xe4\xbb\"}", "{\"a\":\"\ufffd\"}", CharacterSet, "U+FFFD in place of bytes"},
		"U+FFFD sent":                {"{\"a\":\"\ufffd\"}", "{\"a\":\"\xe4\xbb\"}", OtherBytes, "nothing can restore them"},
		"C's NULs sent":              {request + "\n\x00\x00", request + "\n", WhiteSpace, "without the NUL"},
		"Latin-1 signed":             {`{"a":"é €"}`, "{\"a\":\"\xe9 ?\"}", CharacterSet, "Latin-1"},
		"ASCII signed":               {`{"a":"é €"}`, `{"a":"? ?"}`, CharacterSet, "ASCII"},
		"lines joined":               {pretty, strings.ReplaceAll(pretty, "\r\n", ""), LineEndings, "lines joined"},
		"data twice":                 {`{"appId":"a","data":{"b":"c/d"}}`, `{"appId":"a","data":"{\"b\":\"c/d\"}"}`, JSONString, "data block as a string"},
		"data twice, with spaces":    {`{"appId":"a","data":{"b": "c"}}`, `{"appId":"a","data":"{\"b\": \"c\"}"}`, JSONString, "data block as a string"},
		"data a string when sent":    {`{"appId":"a","data":"{\"b\":\"c/d\"}"}`, `{"appId":"a","data":{"b":"c/d"}}`, JSONString, "data block as an object"},
		"indented on Windows":        {`{"a":1,"b":{"c":"d"}}`, "{\r\n  \"a\": 1,\r\n  \"b\": {\r\n    \"c\": \"d\"\r\n  }\r\n}", JSONRewritten, "Windows' line breaks (.NET)"},
		"method, path and body":      {request, "POST\n/aggregate-pay/api/gateway/applyDropinSession\n" + request, CanonicalText, "a method, a path"},
		"body and appId":             {`{"appId":"app","data":{}}`, `{"appId":"app","data":{}}app`, CanonicalText, "body only"},
		"path, time, body":           {`{"requestTime":"t","appId":"app","data":{}}`, "POST /aggregate-pay/api/gateway/orderAndPay\napp\nt\n" + `{"requestTime":"t","appId":"app","data":{}}` + "\n", CanonicalText, "body only"},
		"Latin-1 sent":               {"{\"a\":\"\xe9\"}", `{"a":"é"}`, CharacterSet, "Latin-1"},
		"UTF-8 twice":                {`{"a":"é"}`, `{"a":"Ã©"}`, CharacterSet, "UTF-8 twice"},
		"UTF-8 twice, on Windows":    {`{"a":"支€"}`, "{\"a\":\"æ”¯â‚¬\"}", CharacterSet, "Windows-1252 in between"},
		"Windows-1252 signed":        {`{"a":"é€支"}`, "{\"a\":\"\xe9\x80?\"}", CharacterSet, "in Windows-1252"},
		"accents apart signed":       {`{"a":"café"}`, "{\"a\":\"cafe\u0301\"}", CharacterSet, "normal forms"},
		"accents apart sent":         {"{\"a\":\"cafe\u0301\"}", `{"a":"café"}`, CharacterSet, "normal forms"},
		"UTF-16 signed":              {request, utf16(request), CharacterSet, "UTF-16"},
		"UTF-16 with mark signed":    {request, utf16("\ufeff" + request), CharacterSet, "UTF-16"},
		"JSON string signed":         {request, string(quoted), JSONString, "as a JSON string"},
		"JSON string sent":           {string(quoted), request, JSONString, "This body is a JSON string"},
		"form-encoded signed":        {request, url.QueryEscape(request), URLEncoded, "in URL encoding"},
		"form-encoded sent":          {url.QueryEscape(request), request, URLEncoded, "This body is URL-encoded"},
		"Python's quote signed":      {`{"a":"b/c d"}`, "%7B%22a%22%3A%22b/c%20d%22%7D", URLEncoded, "in URL encoding"},
		"path-escaped signed":        {request, url.PathEscape(request), URLEncoded, "in URL encoding"},
		"lower-case escapes signed":  {`{"a":1}`, "%7b%22a%22%3a1%7d", URLEncoded, "in URL encoding"},
		"base64 signed":              {request, base64.StdEncoding.EncodeToString([]byte(request)), Base64Encoded, "in base64"},
		"base64 sent":                {base64.StdEncoding.EncodeToString([]byte(request)), request, Base64Encoded, "This body is base64"},
		"digest signed":              {request, string(sum[:]), DigestSigned, "hashed twice"},
		"hexadecimal digest signed":  {request, hex.EncodeToString(sum[:]), DigestSigned, "hashed twice"},
		"capital digest signed":      {request, strings.ToUpper(hex.EncodeToString(sum[:])), DigestSigned, "hashed twice"},
		"data signed":                {request, data, DataOnly, "data block alone"},
		"sorted data signed":         {`{"version":"1.5","data":{"b":1,"a":"x"}}`, `{"a": "x", "b": 1}`, DataOnly, "alphabetical"},
		"data sorted":                {request, sortedMembers, JSONRewritten, "the members of data in alphabetical order"},
		"null and empty left out":    {request, strings.NewReplacer(`,"reference":null`, "", `,"extra":{}`, "").Replace(request), JSONRewritten, "null or empty"},
		"empty texts left out":       {`{"a":"","b":{"c":"","d":null,"e":[]}}`, `{"b":{"e":[]}}`, JSONRewritten, "null or an empty string"},
		"sign in the body":           {withSign, request, EnvelopeChanged, "the sign in it"},
		"requestTime added":          {request, strings.Replace(request, `"requestTime":"2026-01-02T03:04:05.006+00:00",`, "", 1), EnvelopeChanged, "without requestTime"},
		"envelope added":             {request, `{"data":` + data + `}`, EnvelopeChanged, "beside data"},
		"version changed":            {request, strings.Replace(request, `"1.5"`, `"1.1"`, 1), Restamped, "version 1.1"},
		"keyVersion changed":         {request, strings.Replace(request, `"keyVersion":"1"`, `"keyVersion":"2"`, 1), Restamped, "keyVersion 2"},
		"requestTime a moment ago":   {request, strings.Replace(request, "05.006+", "04.999+", 1), Restamped, "7ms earlier"},
		"requestTime long ago":       {request, strings.Replace(request, "03:04:05.006+", "03:02:05.006+", 1), Restamped, "2m0s earlier"},
		"requestTime to come":        {request, strings.Replace(request, "05.006+", "05.007+", 1), Restamped, "1ms later"},
		"requestTime with Z":         {request, strings.Replace(request, "+00:00", "Z", 1), Restamped, "another notation"},
		"requestTime in Shanghai":    {request, strings.Replace(request, "03:04:05.006+00:00", "11:04:05.006+08:00", 1), Restamped, "another notation"},
		"requestTime without zeros":  {strings.Replace(request, "05.006+00:00", "05.100Z", 1), strings.Replace(request, "05.006+00:00", "05.1Z", 1), Restamped, "another notation"},
		"requestTime with Z, later":  {strings.Replace(request, "05.006+00:00", "05.100Z", 1), strings.Replace(request, "05.006+00:00", "05.200Z", 1), Restamped, "100ms later"},
		"pairs signed":               {`{"b":"1","a":{"c":2},"sign":"x"}`, `a={"c":2}&b=1`, QueryString, "name=value"},
		"pairs, encoded":             {`{"b":"x y/z","a":{"c":2}}`, `a=%7B%22c%22%3A2%7D&b=x+y%2Fz`, QueryString, "name=value"},
		"pairs, encoded, %20":        {`{"b":"x y","a":""}`, `a=&b=x%20y`, QueryString, "name=value"},
		"pairs that are not empty":   {`{"b":"x","a":"","c":null}`, `b=x&key=`, QueryString, "name=value"},
		"pairs of data":              {`{"version":"1.5","data":{"b":"x","a":1}}`, `a=1&b=x`, QueryString, "name=value"},
		"pairs in order signed":      {`{"b":"1","a":[2],"c":true}`, `b=1&a=[2]&c=true`, QueryString, "name=value"},
		"members in disorder":        {`{"version":"1","keyVersion":"2","data":{"b":1,"a":2,"c":3}}`, `{"data":{"b":1,"a":2,"c":3},"version":"1","keyVersion":"2"}`, JSONRewritten, "another order"},
		"data in disorder":           {`{"version":"1","data":{"b":1,"a":2,"c":3}}`, `{"version":"1","data":{"c":3,"b":1,"a":2}}`, JSONRewritten, "another order"},
		"slashes escaped":            {request, strings.ReplaceAll(request, "/", `\/`), JSONRewritten, `\/ for / (PHP)`},
		"slashes unescaped":          {strings.ReplaceAll(request, "/", `\/`), request, JSONRewritten, "without unnecessary escapes"},
		"nulls left out":             {request, strings.Replace(request, `"reference":null,`, "", 1), JSONRewritten, "null"},
		"Gson's map":                 {request, strings.NewReplacer("15000000", "1.5E7", `"reference":null,`, "", "<", `\u003c`, ">", `\u003e`, "=", `\u003d`).Replace(request), JSONRewritten, "Gson"},
		"numbers in quotes signed":   {`{"amount":10000.00}`, `{"amount":"10000.00"}`, JSONRewritten, "as strings"},
		"decimals cut off":           {`{"amount":15,"b":7.5}`, `{"amount":15.00,"b":7.50}`, JSONRewritten, "two decimals"},
		"spaces and a line feed":     {`{"a":1,"b":2}`, "{\"a\": 1, \"b\": 2}\n", JSONRewritten, "line feed at its end"},
		"Jackson's capitals":         {`{"a":"é ü"}`, `{"a":"\u00E9 \u00FC"}`, JSONRewritten, "Java"},
		".NET's escapes":             {`{"t":"05+00:00","a":"é\"<b>&'` + "`" + `/\t\\"}`, `{"t":"05\u002B00:00","a":"\u00E9\u0022\u003Cb\u003E\u0026\u0027\u0060/\t\\"}`, JSONRewritten, ".NET"},
		".NET's escapes and emoji":   {"{\"a\": \"+😀\"}", `{"a":"\u002B\uD83D\uDE00"}`, JSONRewritten, ".NET"},
		".NET, and nulls left out":   {`{"a":"+1","b":null}`, `{"a":"\u002B1"}`, JSONRewritten, ".NET"},
		"something else":             {request, `{"secret":"not guessed"}`, OtherBytes, "SHA-256 digest"},
		"nothing sent":               {"", request, OtherBytes, "no known change to the body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sign(t, testkeys.Merchant(), test.signed)
			d := Diagnose(&testkeys.Merchant().PublicKey, []byte(test.body), s)
			assert.Equal(t, test.want, d.Cause, d.Advice)
			assert.Contains(t, d.Advice, test.says)
			assert.Empty(t, d.Further)
			assert.Same(t, &testkeys.Merchant().PublicKey, d.Signer)
			sum := sha256.Sum256([]byte(test.signed))
			assert.Equal(t, sum[:], d.Digest)
			requireSilent(t, d, s)
			if len(test.body) > 100 {
				requireSilent(t, d, test.body)
			}
		})
	}
}

// wrapped returns a text in base64, in lines that each end with a line break.
func wrapped(text string, width int, lineBreak string) string {
	text = base64.StdEncoding.EncodeToString([]byte(text))
	var b strings.Builder
	for ; len(text) > width; text = text[width:] {
		b.WriteString(text[:width] + lineBreak)
	}
	return b.String() + text + lineBreak
}

// compressed compresses a text.
func compressed(t *testing.T, text, format string) string {
	var buf bytes.Buffer
	var err error
	if format == "gzip" {
		w := gzip.NewWriter(&buf)
		_, err = w.Write([]byte(text))
		require.NoError(t, w.Close())
	} else {
		w := zlib.NewWriter(&buf)
		_, err = w.Write([]byte(text))
		require.NoError(t, w.Close())
	}
	require.NoError(t, err)
	return buf.String()
}

// The output of real programs for one document, by the name of the call: PHP 8.2, Python
// 3.11, Node.js 20 and Go 1.26.
func TestNotationsOfRealPrograms(t *testing.T) {
	content, err := os.ReadFile("testdata/notations.json")
	require.NoError(t, err)
	var golden struct {
		Document  string            `json:"document"`
		WrittenBy map[string]string `json:"writtenBy"`
	}
	require.NoError(t, json.Unmarshal(content, &golden))
	require.Len(t, golden.WrittenBy, 27)
	for program, text := range golden.WrittenBy {
		t.Run(program, func(t *testing.T) {
			d := Diagnose(&testkeys.Merchant().PublicKey, []byte(golden.Document), sign(t, testkeys.Merchant(), text))
			want := JSONRewritten
			switch {
			case program == "JSON.stringify(t)", program == "Python json.dumps(t)", program == "PHP json_encode($t)":
				want = JSONString
			case strings.HasPrefix(program, "encodeURIComponent"):
				want = URLEncoded
			}
			assert.Equal(t, want, d.Cause, d.Advice)
		})
	}
}

func TestSpelling(t *testing.T) {
	body, raw, good := []byte(request), []byte(nil), ""
	// The spellings below must differ. A plus at the beginning would become a space, which is
	// trimmed.
	for !strings.Contains(good, "+") || !strings.Contains(good, "/") || strings.HasPrefix(good, "+") {
		body = append(body, ' ')
		raw = signature(t, testkeys.Merchant(), crypto.SHA256, body)
		good = base64.StdEncoding.EncodeToString(raw)
	}
	wrapped := good[:76] + "\n" + good[76:152] + "\r\n" + good[152:]
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(alphabet, good[341])

	colons := strings.TrimSuffix(regexp.MustCompile(`..`).ReplaceAllString(hex.EncodeToString(raw), "$0:"), ":")
	for name, test := range map[string]struct {
		sign string
		want Cause
		says string
	}{
		"missing":               {"", SignatureMissing, "empty"},
		"blank":                 {" \n", SignatureMissing, "empty"},
		"URL-safe":              {base64.URLEncoding.EncodeToString(raw), SignatureEncoding, "URL-safe"},
		"URL-safe, unpadded":    {base64.RawURLEncoding.EncodeToString(raw), SignatureEncoding, "lacks its padding"},
		"unpadded":              {strings.TrimRight(good, "="), SignatureEncoding, "lacks its padding"},
		"padded too much":       {good + "=", SignatureEncoding, "too much of it"},
		"wrapped":               {wrapped, SignatureEncoding, "broken into lines"},
		"wrapped in a string":   {strings.ReplaceAll(wrapped, "\r\n", `\n`), SignatureEncoding, "broken into lines"},
		"line feed":             {good + "\n", SignatureEncoding, "white space around it"},
		"named as in HTTP":      {"sign: " + good, SignatureEncoding, "the name of its header"},
		"named as in JSON":      {`"Sign" : "` + good + `"`, SignatureEncoding, "the name of its header"},
		"named as in a form":    {"sign=" + url.QueryEscape(good), SignatureEncoding, "the name of its header"},
		"quotes":                {`"` + good + `"`, SignatureEncoding, "quotes"},
		"named as in an option": {"-H 'sign: " + good + "'", SignatureEncoding, "the name of its header"},
		"member of JSON":        {`{"sign":"` + good + `"}`, SignatureEncoding, "the name of its header"},
		"another name":          {"Signature: " + good, SignatureEncoding, "the name of its header"},
		"comma behind":          {`"` + good + `",`, SignatureEncoding, "other signs"},
		"byte order mark":       {"\ufeff" + good, SignatureEncoding, "white space around it"},
		"zero-width space":      {good + "\u200b", SignatureEncoding, "white space around it"},
		"Python":                {"b'" + good + "'", SignatureEncoding, "Python"},
		"escapes of PHP":        {strings.ReplaceAll(good, "/", `\/`) + " ", SignatureEncoding, "escapes of JSON"},
		"escapes of Gson":       {strings.NewReplacer("+", `\u002B`, "=", `\u003d`).Replace(good), SignatureEncoding, "escapes of JSON"},
		"escapes of HTML":       {strings.NewReplacer("+", "&#43;", "/", "&#x2F;", "=", "&#61;").Replace(good), SignatureEncoding, "HTML"},
		"URL-encoded twice":     {url.QueryEscape(url.QueryEscape(good)), SignatureEncoding, "URL-encoded twice"},
		"hex, colons":           {colons, SignatureEncoding, "its bytes are apart, and it is hexadecimal"},
		"hex, spaces":           {strings.ReplaceAll(colons, ":", " "), SignatureEncoding, "its bytes are apart, and it is hexadecimal"},
		"hex of OpenSSL":        {"RSA-SHA2-256(stdin)= " + hex.EncodeToString(raw), SignatureEncoding, "hexadecimal"},
		"hex, 0x":               {"0x" + hex.EncodeToString(raw), SignatureEncoding, "hexadecimal"},
		"hexadecimal":           {hex.EncodeToString(raw), SignatureEncoding, "hexadecimal"},
		"capital hexadecimal":   {strings.ToUpper(hex.EncodeToString(raw)), SignatureEncoding, "hexadecimal"},
		"base64 of hex":         {base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(raw))), SignatureEncoding, "base64 of hexadecimal"},
		"little-endian":         {base64.StdEncoding.EncodeToString(reversed(raw)), SignatureEncoding, "reverse order"},
		"URL-encoded":           {url.QueryEscape(good), SignatureEncoding, "URL-encoded"},
		"form-decoded":          {strings.ReplaceAll(good, "+", " "), SignatureEncoding, "became spaces"},
		"twice":                 {base64.StdEncoding.EncodeToString([]byte(good)), SignatureEncoding, "twice"},
		"another last letter":   {good[:341] + string(alphabet[last+1]) + "==", SignatureEncoding, "last character"},
		"cut":                   {good[:300], SignatureDamaged, "225 bytes"},
		"two":                   {good + "," + good, SignatureDamaged, "neither base64"},
		"cut and unpadded":      {good[:299], SignatureDamaged, "224 bytes"},
		"word":                  {"signature", SignatureDamaged, ""},
		"prose":                 {"signature verification failed", SignatureDamaged, ""},
		"endless":               {strings.Repeat("A", 1<<20), SignatureDamaged, "far too long"},
		"NUL":                   {strings.Repeat("\x00", 344), SignatureDamaged, "neither base64"},
		"zero":                  {strings.Repeat("A", 342) + "==", WrongKey, "another key"},
		"one":                   {strings.Repeat("A", 341) + "Q==", WrongKey, "another key"},
		"all ones":              {strings.Repeat("/", 341) + "w==", WrongKey, "another key"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Diagnose(&testkeys.Merchant().PublicKey, body, test.sign)
			assert.Equal(t, test.want, d.Cause, d.Advice)
			assert.Contains(t, d.Advice, test.says)
			if test.want == SignatureEncoding {
				assert.Empty(t, d.Further)
				assert.NotNil(t, d.Signer)
			}
			requireSilent(t, d, good)
		})
	}
}

// pssEncoded returns the PSS encoding of a body with SHA-256 (RFC 8017 section 9.1.1), for a
// key of 2048 bits. The mask is generated with any hash, for example with SHA-1, which is the
// default of Java's PSSParameterSpec. Go's crypto/rsa cannot do that.
func pssEncoded(masking crypto.Hash, body, salt []byte) []byte {
	salted := digestOf(crypto.SHA256, slices.Concat(make([]byte, 8), digestOf(crypto.SHA256, body), salt))
	block := make([]byte, 256-len(salted)-1)
	copy(block[len(block)-len(salt):], salt)
	block[len(block)-len(salt)-1] = 1
	for i, b := range mask(masking, salted, len(block)) {
		block[i] ^= b
	}
	block[0] &= 0x7f
	return slices.Concat(block, salted, []byte{0xbc})
}

// Where the salt is the longest possible, chance makes readings with other hashes as well,
// even with a zero in front of their salts, once in thousands of signatures. This is one.
func TestPSSThatHasSeveralReadings(t *testing.T) {
	salt := make([]byte, 256-2-sha256.Size)
	binary.BigEndian.PutUint64(salt, 4063)
	readings := removePSS(pssEncoded(crypto.SHA256, []byte(request), salt), 2048)
	require.Len(t, readings, 2)
	right, chance := readings[0], readings[1]
	assert.True(t, right.covers([]byte(request)))
	assert.Less(t, len(chance.salt)+chance.hash.Size(), len(right.salt)+right.hash.Size())
}

func TestWayOfSigning(t *testing.T) {
	key := testkeys.Merchant()
	public := &key.PublicKey
	body := []byte(request)
	digest := sha256.Sum256(body)
	encode := func(signature []byte, err error) string {
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(signature)
	}
	pssWith := func(hash crypto.Hash, salt int, message []byte) string {
		return encode(rsa.SignPSS(rand.Reader, key, hash, digestOf(hash, message), &rsa.PSSOptions{SaltLength: salt}))
	}
	raw := func(message []byte) string { return encode(rsa.SignPKCS1v15(rand.Reader, key, 0, message)) }
	infoWithoutNull := append([]byte("\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20"), digest[:]...)
	sha3 := append([]byte("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x08\x05\x00\x04\x20"), digest[:]...)

	for name, test := range map[string]struct {
		sign string
		want []Cause
		says string
	}{
		"MD5":                             {encode(signature(t, key, crypto.MD5, body), nil), []Cause{HashAlgorithm}, "MD5"},
		"SHA-1":                           {encode(signature(t, key, crypto.SHA1, body), nil), []Cause{HashAlgorithm}, "SHA-1"},
		"SHA-224":                         {encode(signature(t, key, crypto.SHA224, body), nil), []Cause{HashAlgorithm}, "SHA-224"},
		"SHA-384":                         {encode(signature(t, key, crypto.SHA384, body), nil), []Cause{HashAlgorithm}, "SHA-384"},
		"SHA-512":                         {encode(signature(t, key, crypto.SHA512, body), nil), []Cause{HashAlgorithm}, "SHA-512"},
		"SHA-512/256":                     {encode(rsa.SignPKCS1v15(nil, key, crypto.SHA512_256, digestOf(crypto.SHA512_256, body))), []Cause{HashAlgorithm}, "SHA-512/256"},
		"SHA-1 and a line feed":           {encode(signature(t, key, crypto.SHA1, append(body, '\n')), nil), []Cause{HashAlgorithm, TrailingNewline}, "SHA-1"},
		"SHA3-256":                        {raw(sha3), []Cause{HashAlgorithm, OtherBytes}, "an unusual hash"},
		"PSS":                             {pssWith(crypto.SHA256, rsa.PSSSaltLengthEqualsHash, body), []Cause{PSSPadding}, "PSS"},
		"PSS, longest salt":               {pssWith(crypto.SHA256, rsa.PSSSaltLengthAuto, body), []Cause{PSSPadding}, "PSS"},
		"PSS, short salt":                 {pssWith(crypto.SHA256, 20, body), []Cause{PSSPadding}, "PSS"},
		"PSS, longest salt, line feed":    {pssWith(crypto.SHA256, rsa.PSSSaltLengthAuto, append(body, '\n')), []Cause{PSSPadding, TrailingNewline}, "PSS"},
		"PSS, longest salt, other bytes":  {pssWith(crypto.SHA256, rsa.PSSSaltLengthAuto, []byte("else")), []Cause{WrongKey}, "Or it has PSS padding"},
		"PSS and SHA-512":                 {pssWith(crypto.SHA512, 64, body), []Cause{PSSPadding, HashAlgorithm}, "PSS"},
		"PSS, masked with SHA-1":          {bare(key, pssEncoded(crypto.SHA1, body, bytes.Repeat([]byte{7}, 20))), []Cause{PSSPadding}, "PSS"},
		"PSS and a line feed":             {pssWith(crypto.SHA256, 32, append(body, '\n')), []Cause{PSSPadding, TrailingNewline}, "PSS"},
		"PSS of something else":           {pssWith(crypto.SHA256, 32, []byte("else")), []Cause{PSSPadding, OtherBytes}, "PSS"},
		"bare digest":                     {raw(digest[:]), []Cause{OtherPadding}, "without naming a hash"},
		"bare hexadecimal digest":         {raw([]byte(hex.EncodeToString(digest[:]))), []Cause{OtherPadding}, "without naming a hash"},
		"bare base64 digest":              {raw([]byte(base64.StdEncoding.EncodeToString(digest[:]))), []Cause{OtherPadding}, "without naming a hash"},
		"bare digest of another body":     {raw(digestOf(crypto.SHA256, []byte(request+"\n"))), []Cause{OtherPadding, TrailingNewline}, "without naming a hash"},
		"DigestInfo without NULL":         {raw(infoWithoutNull), []Cause{OtherPadding}, "RFC 8017"},
		"no padding, DigestInfo":          {bare(key, infoWithoutNull), []Cause{OtherPadding}, "without any padding"},
		"no padding, digest":              {bare(key, digest[:]), []Cause{OtherPadding}, "without any padding"},
		"no padding, SHA-512 in text":     {bare(key, []byte(hex.EncodeToString(digestOf(crypto.SHA512, body)))), []Cause{OtherPadding}, "without any padding"},
		"another key":                     {sign(t, testkeys.Stranger(), request), []Cause{WrongKey}, "with another key, or it was changed"},
		"larger key":                      {sign(t, testkeys.Large(), request), []Cause{WrongKey}, "it was a 3072-bit key, and this key has 2048 bits"},
		"flipped bit":                     {encode(flipped(signature(t, key, crypto.SHA256, body)), nil), []Cause{WrongKey}, "changed in transit"},
		"URL-safe, SHA-1 and a line feed": {strings.TrimRight(encode(signature(t, key, crypto.SHA1, append(body, '\n')), nil), "="), []Cause{SignatureEncoding, HashAlgorithm, TrailingNewline}, "padding"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Diagnose(public, body, test.sign)
			causes := []Cause{d.Cause}
			for _, finding := range d.Further {
				causes = append(causes, finding.Cause)
			}
			assert.Equal(t, test.want, causes, d.Advice)
			assert.Contains(t, d.Advice+" "+furtherAdvice(d), test.says)
			requireSilent(t, d, test.sign)
		})
	}
}

func furtherAdvice(d Diagnosis) string {
	var all []string
	for _, finding := range d.Further {
		all = append(all, finding.Advice)
	}
	return strings.Join(all, " ")
}

func flipped(signature []byte) []byte {
	signature[100] ^= 1
	return signature
}

func TestOtherKeys(t *testing.T) {
	merchant, stranger, large := &testkeys.Merchant().PublicKey, &testkeys.Stranger().PublicKey, &testkeys.Large().PublicKey

	d := Diagnose(merchant, []byte(request), sign(t, testkeys.Stranger(), request), large, stranger)
	assert.Equal(t, WrongKey, d.Cause)
	assert.Contains(t, d.Advice, "another of the given keys")
	assert.Same(t, stranger, d.Signer)
	assert.Empty(t, d.Further)

	d = Diagnose(merchant, []byte(request+"\n"), sign(t, testkeys.Large(), request), stranger, large)
	assert.Equal(t, WrongKey, d.Cause)
	assert.Same(t, large, d.Signer)
	require.Len(t, d.Further, 1)
	assert.Equal(t, TrailingNewline, d.Further[0].Cause)

	d = Diagnose(merchant, []byte(request), sign(t, testkeys.Stranger(), request), large, nil, &rsa.PublicKey{})
	assert.Equal(t, WrongKey, d.Cause)
	assert.Contains(t, d.Advice, "none of the given keys")
	assert.Nil(t, d.Signer)

	d = Diagnose(merchant, []byte(request), sign(t, testkeys.Merchant(), request), stranger)
	assert.Equal(t, Valid, d.Cause)
}
