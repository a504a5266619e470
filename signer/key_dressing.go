package signer

import (
	"bytes"
	"regexp"
	"strings"
)

// What env files, shell scripts, YAML and JSON put around the text of a key. None of it
// can be a part of a key, so it can be taken away without a doubt about what is meant.
var (
	// assignment is a name with an equals sign or a colon, as in export KEY=.
	assignment = regexp.MustCompile(`^(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_.-]{0,63}[ \t]*(?:=|:)[ \t]*(?:[|>][-+]?[ \t]*[\r\n])?`)
	// escapedBreak is a line break as a string literal has it, or one that a shell skips.
	escapedBreak = regexp.MustCompile(`\\+(?:[rn]|\r?\n)`)
	// armourInside is a BEGIN or END line, wherever in a line it stands.
	armourInside = regexp.MustCompile(`-----(?:BEGIN|END) [A-Z0-9][A-Z0-9 ]*-----`)
)

// closing may stand behind the value of a key, and opening before it.
const (
	opening = "\"'`"
	closing = opening + ";,} \t"
)

// inLines gives a PEM block its line breaks back: env files have it on one line, with
// spaces, with \n or with nothing in their place.
func inLines(text []byte) []byte {
	text = escapedBreak.ReplaceAll(text, []byte("\n"))
	var lines []byte
	rest := text
	for _, at := range armourInside.FindAllIndex(text, -1) {
		before := text[len(text)-len(rest) : at[0]]
		lines = append(lines, before...)
		if !endsLine(before) {
			lines = append(lines, '\n')
		}
		lines, rest = append(lines, text[at[0]:at[1]]...), text[at[1]:]
		if !startsLine(rest) {
			lines = append(lines, '\n')
		}
	}
	return append(lines, rest...)
}

// endsLine reports whether nothing but blanks stands behind the last line break.
func endsLine(text []byte) bool {
	text = bytes.TrimRight(text, " \t")
	return len(text) == 0 || bytes.HasSuffix(text, []byte("\n")) || bytes.HasSuffix(text, []byte("\r"))
}

// startsLine reports whether nothing but blanks stands before the next line break.
func startsLine(text []byte) bool {
	text = bytes.TrimLeft(text, " \t")
	return len(text) == 0 || text[0] == '\n' || text[0] == '\r'
}

// undress takes away what stands around base64: a name, quotes and white space of all
// kinds.
func undress(text []byte) string {
	text = escapedBreak.ReplaceAll(text, []byte("\n"))
	if name := assignment.Find(text); len(name) < len(text) && !bytes.HasPrefix(text[len(name):], []byte("=")) {
		text = text[len(name):]
	}
	joined := string(bytes.Join(bytes.Fields(text), nil))
	return strings.TrimLeft(strings.TrimRight(joined, closing), opening)
}

// standardBase64 turns URL-safe base64 (RFC 4648 section 5), which need not be padded,
// into the standard kind.
func standardBase64(joined string) string {
	if !strings.ContainsAny(joined, "-_") || !consistsOf(joined, base64Alphabet+"-_") {
		return joined
	}
	joined = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(joined, "="))
	return joined + strings.Repeat("=", (4-len(joined)%4)%4)
}
