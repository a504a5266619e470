package signer

import (
	"bytes"
	"regexp"
	"strings"
)

// Privately returns the command for a shell that keeps what the command writes from all
// other users, whatever the umask is. Programs that do so by themselves, as OpenSSL does for
// private keys, need no help.
func Privately(command string) string { return "(umask 077; " + command + ")" }

// passage is a step on the way from a file to the base64 in it: what the shell does, and
// the same in Go.
type passage struct {
	command string
	apply   func(string) string
}

var (
	beforeName  = regexp.MustCompile(`^[^=:]*[=:][|>]*[+-]*`)
	lineComment = regexp.MustCompile(`(?m)^#.*|[ \t\r\f\v]#.*`)
	notBase64   = regexp.MustCompile(`[^A-Za-z0-9+/=]`)
)

// What can be needed before the base64 is alone. The commands mean the same to every
// shell, and in a JSON log.
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

// decodeBase64 returns the command that decodes the base64 in a file, whatever stands
// around it, as [undress] takes it away; or "" if sed and tr cannot do the same.
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

// onlyDigits is hexadecimal without colons, as xxd -r -p reads it.
var onlyDigits = regexp.MustCompile(`^[0-9A-Fa-f\s]+$`)

// decodeHex returns the command that decodes the hexadecimal in a file, as it is, as OpenSSL
// prints it or with comments beside it; or "" if it would decode something else as well.
func decodeHex(text []byte) string {
	for _, opening := range openings {
		if onlyDigits.MatchString(strings.ReplaceAll(opening.apply(string(text)), ":", "")) {
			return opening.command + " | tr -d : | xxd -r -p"
		}
	}
	return ""
}
