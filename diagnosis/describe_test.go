package diagnosis

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDescribe(t *testing.T) {
	for body, want := range map[string]string{
		"":                     "no bytes",
		"{}":                   "from an opening brace to a closing brace; no line breaks; JSON",
		"{}\n":                 "to a line feed; 1 LF line break; JSON",
		"{\r\n}\r\n":           "2 CRLF line breaks; JSON",
		"[1]\r\n":              "from an opening bracket to a line feed; 1 CRLF line break; JSON",
		"a\nb\r\nc":            "2 line breaks, 1 of them CRLF; not JSON",
		"\xef\xbb\xbf{}":       "from a byte outside ASCII to a closing brace; no line breaks; a byte order mark; not JSON",
		"\x1f\x8b\x08\x00\x00": "from a control character to a NUL byte; no line breaks; compressed with gzip; not UTF-8",
		"x\x9c\x00\x00":        "compressed with zlib; not UTF-8",
		"\x28\xb5\x2f\xfd\x00": "compressed with zstd",
		`"x"`:                  "from a quotation mark to a quotation mark",
		"7 apples!":            "from a digit to a punctuation mark",
		"\r":                   "from a carriage return to a carriage return",
		" \t":                  "from a space to a tab",
		"@[":                   "from a punctuation mark to an opening bracket",
		"Z`":                   "from a letter to a punctuation mark",
	} {
		d := Describe([]byte(body))
		assert.Contains(t, d.String(), want)
		assert.Len(t, d.SHA256, 64)
		assert.Equal(t, len(body), d.Length)
	}
}
