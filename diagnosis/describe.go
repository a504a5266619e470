package diagnosis

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Description describes bytes without repeating them: the properties that matter when two
// programs disagree on what was signed.
type Description struct {
	// Length is in bytes.
	Length int `json:"length"`
	// SHA256 is in lower-case hexadecimal.
	SHA256 string `json:"sha256"`
	// First and Last say what kind of byte the body begins and ends with, such as
	// "an opening brace"; empty without a body.
	First string `json:"first,omitempty"`
	Last  string `json:"last,omitempty"`
	// LineFeeds and CRLFs count line breaks; a CRLF counts as a line feed as well.
	LineFeeds int `json:"lineFeeds"`
	CRLFs     int `json:"crlfs"`
	// ByteOrderMark is true if the body begins with a byte order mark of UTF-8 or UTF-16.
	ByteOrderMark bool `json:"byteOrderMark"`
	// Compression is "gzip", "zlib" or "zstd" if the body begins like compressed data in
	// that format.
	Compression string `json:"compression,omitempty"`
	// UTF8 and JSON say whether the body is valid UTF-8 and valid JSON.
	UTF8 bool `json:"utf8"`
	JSON bool `json:"json"`
}

// Describe describes a body.
func Describe(body []byte) Description {
	sum := sha256.Sum256(body)
	d := Description{
		Length:        len(body),
		SHA256:        hex.EncodeToString(sum[:]),
		LineFeeds:     bytes.Count(body, []byte("\n")),
		CRLFs:         bytes.Count(body, []byte("\r\n")),
		ByteOrderMark: hasAnyPrefix(body, byteOrderMark, "\xff\xfe", "\xfe\xff"),
		Compression:   compressionOf(body),
		UTF8:          utf8.Valid(body),
		JSON:          json.Valid(body),
	}
	if len(body) > 0 {
		d.First, d.Last = classOf(body[0]), classOf(body[len(body)-1])
	}
	return d
}

// compressionOf recognises compressed data by its first bytes (RFC 1952, RFC 1950, RFC
// 8878). Brotli has no characteristic first bytes.
func compressionOf(body []byte) string {
	switch {
	case hasAnyPrefix(body, "\x1f\x8b"):
		return "gzip"
	case hasAnyPrefix(body, "\x28\xb5\x2f\xfd"):
		return "zstd"
	case len(body) > 2 && body[0] == 0x78 && (int(body[0])<<8|int(body[1]))%31 == 0:
		return "zlib"
	}
	return ""
}

// hasAnyPrefix reports whether the body begins with one of the prefixes.
func hasAnyPrefix(body []byte, prefixes ...string) bool {
	for _, prefix := range prefixes {
		if bytes.HasPrefix(body, []byte(prefix)) {
			return true
		}
	}
	return false
}

// classOf says what kind of byte b is. Only bytes that come from JSON's syntax or from an
// intermediate program are named exactly.
func classOf(b byte) string {
	names := map[byte]string{
		'{': "an opening brace", '}': "a closing brace", '[': "an opening bracket", ']': "a closing bracket",
		'"': "a quotation mark", ' ': "a space", '\t': "a tab", '\n': "a line feed", '\r': "a carriage return", 0: "a NUL byte",
	}
	switch name, ok := names[b]; {
	case ok:
		return name
	case b >= utf8.RuneSelf:
		return "a byte outside ASCII"
	case b < ' ' || b == 0x7f:
		return "a control character"
	case '0' <= b && b <= '9':
		return "a digit"
	case 'a' <= b|0x20 && b|0x20 <= 'z':
		return "a letter"
	}
	return "a punctuation mark"
}

// String returns the description without the digest, on one line.
func (d Description) String() string {
	if d.Length == 0 {
		return "no bytes"
	}
	text := fmt.Sprintf("%s, from %s to %s; %s", count(d.Length, "byte"), d.First, d.Last, d.breaks())
	if d.ByteOrderMark {
		text += "; a byte order mark"
	}
	if d.Compression != "" {
		text += "; compressed with " + d.Compression
	}
	switch {
	case d.JSON:
		return text + "; JSON"
	case d.UTF8:
		return text + "; not JSON"
	}
	return text + "; not UTF-8"
}

// breaks says which line breaks there are.
func (d Description) breaks() string {
	switch {
	case d.LineFeeds == 0:
		return "no line breaks"
	case d.CRLFs == 0:
		return count(d.LineFeeds, "LF line break")
	case d.CRLFs == d.LineFeeds:
		return count(d.CRLFs, "CRLF line break")
	}
	return fmt.Sprintf("%s, %d of them CRLF", count(d.LineFeeds, "line break"), d.CRLFs)
}

// count returns a number with its noun, in the plural if needed.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
