package diagnosis

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/unicode/norm"
)

// maxInflated is the maximum size of a decompressed body, in bytes.
const maxInflated = 4 << 20

// encodings yields the body in other encodings, and the body inside its own encoding.
func encodings(body []byte) candidates {
	return func(yield func(Finding, []byte) bool) {
		_ = decompressed(body, yield) && urlEncoded(body, yield) && htmlEncoded(body, yield) && base64Encoded(body, yield) && jsonString(body, yield) && digests(body, yield)
	}
}

// decompressed yields the content of a compressed body.
func decompressed(body []byte, yield func(Finding, []byte) bool) bool {
	var (
		reader io.Reader
		err    error
	)
	switch Describe(body).Compression {
	case "gzip":
		reader, err = gzip.NewReader(bytes.NewReader(body))
	case "zlib":
		reader, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return true
	}
	if err != nil {
		return true
	}
	inflated, err := io.ReadAll(io.LimitReader(reader, maxInflated+1))
	return err != nil || len(inflated) > maxInflated ||
		yield(Finding{Compressed, "This body is compressed, and the signature covers its contents. Verify the decompressed body, or do not request compression (Accept-Encoding: identity)."}, inflated)
}

// urlEncoded yields the body with and without the escapes of URLs and forms.
func urlEncoded(body []byte, yield func(Finding, []byte) bool) bool {
	text := string(body)
	form := url.QueryEscape(text)
	finding := Finding{URLEncoded, "The signature covers this body in URL encoding. Sign the JSON as it is sent."}
	for _, escaped := range []string{
		form,
		url.PathEscape(text),
		// JavaScript's encodeURIComponent, which escapes fewer characters.
		strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(form),
		strings.ReplaceAll(form, "+", "%20"),                      // rawurlencode of PHP
		strings.NewReplacer("+", "%20", "%2F", "/").Replace(form), // quote of Python
	} {
		if !yield(finding, []byte(escaped)) || !yield(finding, []byte(lowerEscapes(escaped))) {
			return false
		}
	}
	finding.Advice = "This body is URL-encoded, and the signature covers the decoded body." + exactBytes
	for _, unescape := range []func(string) (string, error){url.QueryUnescape, url.PathUnescape} {
		if unescaped, err := unescape(text); err == nil && unescaped != text && !yield(finding, []byte(unescaped)) {
			return false
		}
	}
	return true
}

// lowerEscapes converts escapes to lower case: %2B becomes %2b.
func lowerEscapes(text string) string {
	lower := []byte(text)
	for i := range lower {
		if lower[i] == '%' {
			copy(lower[i:], bytes.ToLower(lower[i:min(i+3, len(lower))]))
		}
	}
	return string(lower)
}

// htmlEncoded yields the body with the character references that filters against cross-site
// scripting insert, and without them.
func htmlEncoded(body []byte, yield func(Finding, []byte) bool) bool {
	finding := Finding{HTMLEncoded, "The signature covers this body with HTML's character references, such as &quot; or &amp;, as a filter against cross-site scripting writes them. Sign the JSON as it is sent, and encode where a page is made."}
	markup := []string{"&", "&amp;", "<", "&lt;", ">", "&gt;"}
	for _, further := range [][]string{
		{},                             // htmlspecialchars of PHP with ENT_NOQUOTES
		{`"`, "&quot;"},                // StringEscapeUtils of Java, and PHP before 8.1
		{`"`, "&quot;", "'", "&#39;"},  // Spring, Lodash
		{`"`, "&quot;", "'", "&#039;"}, // htmlspecialchars of PHP
		{`"`, "&quot;", "'", "&#x27;"}, // Python, .NET
		{`"`, "&quot;", "'", "&#x27;", "/", "&#x2F;"}, // OWASP's rules
		{`"`, "&quot;", "'", "&apos;"},                // XML
		{`"`, "&#34;", "'", "&#39;"},                  // Go
	} {
		if !yield(finding, []byte(strings.NewReplacer(slices.Concat(markup, further)...).Replace(string(body)))) {
			return false
		}
	}
	return yield(Finding{HTMLEncoded, "This body has HTML's character references, such as &quot;, and the signature covers it without them." + exactBytes}, []byte(html.UnescapeString(string(body))))
}

// base64Encoded yields the body in base64, on one line or wrapped, and its decoded
// content if it is base64.
func base64Encoded(body []byte, yield func(Finding, []byte) bool) bool {
	finding := Finding{Base64Encoded, "The signature covers this body in base64. Sign the JSON as it is sent."}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if !yield(finding, encoding.AppendEncode(nil, body)) {
			return false
		}
	}
	wrapped := Finding{Base64Encoded, "The signature covers this body in base64 that is wrapped into lines. Sign the JSON as it is sent."}
	for _, width := range []int{76, 64} { // MIME and PEM
		for _, lineBreak := range []string{"\r\n", "\n"} {
			lines := inLines(base64.StdEncoding.EncodeToString(body), width, lineBreak)
			if !yield(wrapped, []byte(lines)) || !yield(wrapped, []byte(lines+lineBreak)) {
				return false
			}
		}
	}
	inside, err := base64.StdEncoding.DecodeString(string(body))
	return err != nil || yield(Finding{Base64Encoded, "This body is base64, and the signature covers the decoded body." + exactBytes}, inside)
}

// inLines breaks a text into lines.
func inLines(text string, width int, lineBreak string) string {
	var lines []string
	for ; len(text) > width; text = text[width:] {
		lines = append(lines, text[:width])
	}
	return strings.Join(append(lines, text), lineBreak)
}

// jsonString yields the body as a JSON string, and its content if it is one.
func jsonString(body []byte, yield func(Finding, []byte) bool) bool {
	if utf8.Valid(body) {
		finding := Finding{JSONString, "The signature covers this body as a JSON string, in quotes and with escapes: the text was turned into JSON a second time, as json_encode or JSON.stringify do with a string. Sign the text itself."}
		text := &node{kind: 's', text: string(body)}
		for _, notation := range notations(text) {
			if !yield(finding, text.write(nil, &notation.style, 0)) {
				return false
			}
		}
	}
	var inside string
	return json.Unmarshal(body, &inside) != nil ||
		yield(Finding{JSONString, "This body is a JSON string, and the signature covers the text in it." + exactBytes}, []byte(inside))
}

// digests yields the digests of the body, as they are passed by mistake to a function
// that hashes once more.
func digests(body []byte, yield func(Finding, []byte) bool) bool {
	finding := Finding{DigestSigned, "The signature covers a digest of this body, so the body was hashed twice. Pass the body itself to the signing function: SHA256withRSA hashes it."}
	for _, hash := range hashes {
		for _, text := range digestTexts(digestOf(hash, body)) {
			if !yield(finding, text) {
				return false
			}
		}
	}
	return true
}

// legacy are the character sets of systems that do not use UTF-8 by default.
var legacy = []struct {
	name     string
	encoding encoding.Encoding
}{
	{"GBK, the default of Java and of editors on some Chinese systems", simplifiedchinese.GBK},
	{"Big5, the default of some systems in Taiwan and Hong Kong", traditionalchinese.Big5},
	{"Shift_JIS, the default of some Japanese systems", japanese.ShiftJIS},
	{"EUC-KR, the default of some Korean systems", korean.EUCKR},
	{"Windows-1252, the default of some Western systems", charmap.Windows1252},
}

// characterSet is a character set in which a text may have been signed.
type characterSet struct {
	name   string
	encode func(string) []byte
}

// legacySets returns the legacy character sets.
func legacySets() []characterSet {
	sets := make([]characterSet, len(legacy))
	for i, set := range legacy {
		sets[i] = characterSet{set.name + ", in which other characters become question marks",
			func(text string) []byte { return encode(set.encoding, text) }}
	}
	return sets
}

// characterSets yields the text of the body in other character sets.
func characterSets(body []byte) candidates {
	return func(yield func(Finding, []byte) bool) {
		if !utf8.Valid(body) {
			_ = unreadable(body, yield) && transcoded(body, yield)
			return
		}
		text := string(body)
		for _, set := range append([]characterSet{
			{"Latin-1, in which other characters become question marks", toLatin1},
			{"ASCII, the default of Java in many containers, in which other characters become question marks", toASCII},
			{"UTF-8 twice, because it was read as Latin-1 in between", func(text string) []byte { return fromLatin1([]byte(text)) }},
			{"UTF-8 twice, because it was read as Windows-1252 in between", fromWindows1252},
			{"UTF-16", func(text string) []byte { return toUTF16(text, 0, 1) }},
			{"UTF-16", func(text string) []byte { return toUTF16(text, 1, 0) }},
			{"UTF-16", func(text string) []byte { return toUTF16("\ufeff"+text, 0, 1) }},
			{"UTF-16", func(text string) []byte { return toUTF16("\ufeff"+text, 1, 0) }},
		}, legacySets()...) {
			if !yield(Finding{CharacterSet, "The signature covers this text in " + set.name + "." + specifyUTF8}, set.encode(text)) {
				return
			}
		}
		for _, form := range []norm.Form{norm.NFD, norm.NFC} {
			if !yield(Finding{CharacterSet, "The signature covers this text in another of Unicode's normal forms: accents are parts of their letters in one, and characters of their own in the other." + exactBytes}, form.Bytes(body)) {
				return
			}
		}
	}
}

// specifyUTF8 is the remedy if a text was signed in another character set.
const specifyUTF8 = " Specify UTF-8 wherever text is converted to bytes, such as getBytes(StandardCharsets.UTF_8)."

// transcoded yields, in UTF-8, the text of a body in another character set.
func transcoded(body []byte, yield func(Finding, []byte) bool) bool {
	if !yield(Finding{CharacterSet, "This body is in Latin-1, and the signature covers its text in UTF-8. Send UTF-8."}, fromLatin1(body)) {
		return false
	}
	for _, set := range legacy {
		decoded, err := set.encoding.NewDecoder().Bytes(body)
		if err == nil && !yield(Finding{CharacterSet, "This body is in " + set.name + ", and the signature covers its text in UTF-8. Send UTF-8."}, decoded) {
			return false
		}
	}
	return true
}

// unreadable yields a body with U+FFFD in place of its bytes that are not UTF-8, as programs
// read it: one for each byte, or one for each sequence.
func unreadable(body []byte, yield func(Finding, []byte) bool) bool {
	finding := Finding{CharacterSet, "The signature covers this body with the replacement character U+FFFD in place of bytes that are not UTF-8: a program read them as text before it signed." + exactBytes}
	return yield(finding, []byte(string([]rune(string(body))))) && yield(finding, bytes.ToValidUTF8(body, []byte("\ufffd")))
}

// encode encodes a text like Java's getBytes(String), with question marks in place of the
// characters that the character set lacks.
func encode(set encoding.Encoding, text string) []byte {
	encoder := set.NewEncoder()
	encoded := make([]byte, 0, len(text))
	for _, r := range text {
		character, err := encoder.String(string(r))
		if err != nil {
			character = "?"
		}
		encoded = append(encoded, character...)
	}
	return encoded
}

// fromWindows1252 returns, in UTF-8, the text that a program sees if it reads UTF-8 as
// Windows-1252.
func fromWindows1252(text string) []byte {
	var decoded []byte
	for i := range len(text) {
		decoded = utf8.AppendRune(decoded, charmap.Windows1252.DecodeByte(text[i]))
	}
	return decoded
}

// toLatin1 encodes a text like Java's getBytes(ISO_8859_1).
func toLatin1(text string) []byte {
	var encoded []byte
	for _, r := range text {
		if r > 0xff {
			r = '?'
		}
		encoded = append(encoded, byte(r))
	}
	return encoded
}

// toASCII encodes a text like Java's getBytes() if the default character set is US-ASCII,
// as it was before Java 18 without a locale.
func toASCII(text string) []byte {
	encoded := make([]byte, 0, len(text))
	for _, r := range text {
		if r >= utf8.RuneSelf {
			r = '?'
		}
		encoded = append(encoded, byte(r))
	}
	return encoded
}

// fromLatin1 converts Latin-1 to UTF-8.
func fromLatin1(body []byte) []byte {
	var decoded []byte
	for _, b := range body {
		decoded = utf8.AppendRune(decoded, rune(b))
	}
	return decoded
}

// toUTF16 encodes a text in UTF-16. low and high are the positions of the low and the
// high byte in each unit.
func toUTF16(text string, low, high int) []byte {
	units := utf16.Encode([]rune(text))
	encoded := make([]byte, 2*len(units))
	for i, unit := range units {
		encoded[2*i+low], encoded[2*i+high] = byte(unit), byte(unit>>8)
	}
	return encoded
}
