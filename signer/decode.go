package signer

import (
	"bytes"
	"regexp"
	"strings"
)

// Privately wraps a shell command so that other users cannot access the files that it
// writes, whatever the umask is. Programs that ensure this themselves, as OpenSSL does for
// private keys, do not need it.
func Privately(command string) string { return "(umask 077; " + command + ")" }

// passage is a step in extracting the base64 from a file: a shell command, and a function
// that does the same in Go.
type passage struct {
	command string
	apply   func(string) string
}

var (
	beforeName  = regexp.MustCompile(`^[^=:]*[=:][|>]*[+-]*`)
	lineComment = regexp.MustCompile(`(?m)^#.*|[ \t\r\f\v]#.*`)
	notBase64   = regexp.MustCompile(`[^A-Za-z0-9+/=]`)
)

// The steps that may be needed before only the base64 is left. The commands work in every
// POSIX shell, and are not changed by the escaping in a JSON log.
var (
	openings = []passage{
		{"cat FILE", func(text string) string { return text }},
		{"sed -e 's/^#.*//' -e 's/[[:space:]]#.*//' FILE", func(text string) string { return lineComment.ReplaceAllString(text, "") }},
	}
	nameCuts = []passage{
		{"", func(text string) string { return text }},
		{" | tr -d '[:space:]' | sed 's/^[^=:]*[=:][|>]*[+-]*//'", func(text string) string {
			return beforeName.ReplaceAllString(strings.Join(strings.Fields(text), ""), "")
		}},
	}
)

// decodeBase64 returns a command that decodes the base64 in a file, without the
// surrounding text that [undress] removes. It returns "" if sed and tr cannot remove it.
func decodeBase64(text []byte) string {
	want := standardBase64(undress(bytes.TrimSpace(plain(text))))
	if strings.ReplaceAll(string(text), "\n", "") == want {
		return "base64 -d FILE"
	}
	for _, opening := range openings {
		for _, nameCut := range nameCuts {
			if notBase64.ReplaceAllString(nameCut.apply(opening.apply(string(text))), "") == want {
				return opening.command + nameCut.command + " | tr -cd 'A-Za-z0-9+/=' | base64 -d"
			}
		}
	}
	return ""
}

// onlyDigits matches hexadecimal without colons, as xxd -r -p reads it.
var onlyDigits = regexp.MustCompile(`^[0-9A-Fa-f\s]+$`)

// decodeHex returns a command that decodes the hexadecimal in a file, which may have colons,
// as OpenSSL prints it, and comments. It returns "" if the command would also decode
// something else.
func decodeHex(text []byte) string {
	for _, opening := range openings {
		if onlyDigits.MatchString(strings.ReplaceAll(opening.apply(string(text)), ":", "")) {
			return opening.command + " | tr -d : | xxd -r -p"
		}
	}
	return ""
}
