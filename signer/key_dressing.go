package signer

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// These match what env files, shell scripts, YAML and JSON put around the text of a key.
// None of it can be part of a key, so removing it is unambiguous.
var (
	// assignment matches a name with an equals sign or a colon, as in export KEY=, or in a
	// JSON object with one member.
	assignment = regexp.MustCompile(`^(?:export[ \t]+|\{\s*)?["']?[A-Za-z_][A-Za-z0-9_.-]{0,63}["']?[ \t]*(?:=|:)[ \t]*(?:[|>][-+]?[ \t]*[\r\n])?`)
	// comment matches a comment of env files, YAML and scripts. It begins with a number
	// sign, which no key contains, or with two slashes and a blank, which base64 never
	// has after a blank.
	comment = regexp.MustCompile(`(^|[ \t\r\n])(?:#|//[ \t])[^\r\n]*`)
	// escapedSign matches a character that PHP, Go and Gson escape in JSON, and Java in
	// property files.
	escapedSign = regexp.MustCompile(`\\+(?:u00[0-9A-Fa-f]{2}|[/=+])`)
	// escapedBreak matches a line break as it is escaped in a string literal, or one
	// after a backslash, which a shell skips.
	escapedBreak = regexp.MustCompile(`\\+(?:[rn]|\r?\n)`)
	// armourInside matches the text of a BEGIN or END line anywhere in a line.
	armourInside = regexp.MustCompile(`-----(?:BEGIN|END) [A-Z0-9][A-Z0-9 ]*-----`)
)

// closing has the characters that may follow the value of a key, and opening those that
// may precede it.
const (
	opening = "\"'`\u2018\u2019\u201c\u201d"
	closing = opening + ";,} \t"
)

// plain removes invisible characters, such as byte order marks and zero-width spaces,
// replaces white space of all kinds by plain spaces and line breaks, and removes
// comments.
func plain(text []byte) []byte {
	var visible []byte
	for rest := text; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == '\v', r == '\f': // word processors use these for line and page breaks
			visible = append(visible, '\n')
		case r == utf8.RuneError, r < utf8.RuneSelf:
			visible = append(visible, rest[:size]...)
		case r == '\u0085', r == '\u2028', r == '\u2029': // NEL, and Unicode's line and paragraph separators
			visible = append(visible, '\n')
		case unicode.IsSpace(r):
			visible = append(visible, ' ')
		case !unicode.Is(unicode.Cf, r):
			visible = append(visible, rest[:size]...)
		}
		rest = rest[size:]
	}
	return comment.ReplaceAll(visible, []byte("$1"))
}

// unescape replaces the escape sequences of string literals by the characters that they
// stand for.
func unescape(text []byte) []byte {
	text = escapedSign.ReplaceAllFunc(text, func(escaped []byte) []byte {
		escaped = bytes.TrimLeft(escaped, `\`)
		if code, err := strconv.ParseUint(strings.TrimPrefix(string(escaped), "u"), 16, 8); err == nil {
			return []byte{byte(code)}
		}
		return escaped
	})
	return escapedBreak.ReplaceAll(text, []byte("\n"))
}

// inLines restores the line breaks of a PEM block: env files have it on one line, with
// spaces, \n or nothing in their place.
func inLines(text []byte) []byte {
	text = unescape(text)
	var lines []byte
	rest := text
	for _, at := range armourInside.FindAllIndex(text, -1) {
		lines = append(lines, text[len(text)-len(rest):at[0]]...)
		lines = append(lines, '\n') // an additional empty line does no harm here
		lines, rest = append(lines, text[at[0]:at[1]]...), text[at[1]:]
		if !startsLine(rest) {
			lines = append(lines, '\n')
		}
	}
	return append(lines, rest...)
}

// startsLine reports whether there are only blanks before the next line break or the end
// of the text.
func startsLine(text []byte) bool {
	text = bytes.TrimLeft(text, " \t")
	return len(text) == 0 || text[0] == '\n' || text[0] == '\r'
}

// undress removes what surrounds base64: a name, quotes, and white space of all kinds.
func undress(text []byte) string {
	text = unescape(text)
	if name := assignment.Find(text); !bytes.HasPrefix(text[len(name):], []byte("=")) {
		text = text[len(name):]
	}
	joined := string(bytes.Join(bytes.Fields(text), nil))
	return strings.TrimLeft(strings.TrimRight(joined, closing), opening)
}

// standardBase64 turns URL-safe base64 (RFC 4648 section 5), and base64 without padding,
// into the standard kind. DER contains its own length, so a truncated text is still
// noticed.
func standardBase64(joined string) string {
	if !consistsOf(joined, base64Alphabet+"-_") {
		return joined
	}
	joined = strings.NewReplacer("-", "+", "_", "/").Replace(joined)
	if strings.HasSuffix(joined, "=") {
		return joined
	}
	return joined + strings.Repeat("=", (4-len(joined)%4)%4)
}
