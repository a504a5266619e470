package envelope

import (
	"bytes"
	"strings"
)

// mistake returns the end of an error about a text that is not valid JSON at an offset: what
// is wrong and what is expected there, or "" if that is not certain. It repeats nothing of
// the text, except for a single punctuation mark. complaint is the decoder's error text.
func mistake(text []byte, offset int64, complaint string) string {
	if said := mistakeInValue(complaint); said != "" || offset < 0 || offset >= int64(len(text)) {
		return said
	}
	rest := bytes.TrimLeft(text[offset:], blanks)
	if len(rest) == 0 {
		return ""
	}
	if said := mistakenFor(rest); said != "" {
		return said
	}
	isExpectedComma := strings.Contains(complaint, "expecting ','")
	switch next := rest[0]; {
	case isExpectedComma && isDigit(next) && text[offset] == next && bytes.HasSuffix(text[:offset], []byte("0")):
		return ": there is a number that begins with 0; write it without the 0, or as a string in double quotes"
	case isExpectedComma && (isLetter(next) || next == '\\'):
		return ": a comma or a closing bracket is expected; a double quote within a string needs a backslash before it"
	case isExpectedComma && isClosing(next):
		return ": there is the wrong closing bracket; an array ends with ] and an object with }"
	case isExpectedComma:
		return ": a comma or a closing bracket is expected"
	case isLetter(next), next == '_':
		return ": there is a word without quotes; names and strings have double quotes, and the only other words are true, false and null"
	case '!' <= next && next <= '~' && !isDigit(next):
		// A single punctuation mark reveals nothing of a value.
		return ": there is " + string(next) + " where a name or a value is expected"
	}
	return ""
}

// blanks is the white space of JSON.
const blanks = " \t\r\n"

// mistakeInValue returns what mistake can tell from the decoder's complaint. It looks only
// at parts of the complaint that do not quote the text.
func mistakeInValue(complaint string) string {
	for _, known := range []struct{ part, said string }{
		{"(expecting non-control character)", `: there is a line break, a tab or another control character in a string; write it as an escape such as \n`},
		{"invalid escape sequence", ": there is an escape in a string that JSON does not know; write two backslashes for one"},
		{"in literal ", ": there is a word without quotes; names and strings have double quotes, and the only other words are true, false and null"},
		{"in number (expecting digit)", ": a digit is expected in a number, for example after a point or a minus sign"},
		{"(expecting ':')", ": a colon is expected between a name and its value"},
		{"missing value after object name", ": a value is expected after a name"},
		{"object member name must be a string", ": a name is expected, in double quotes"},
	} {
		if strings.Contains(complaint, known.part) {
			return known.said
		}
	}
	return ""
}

// mistakenFor returns what mistake can tell from the text at the offset.
func mistakenFor(rest []byte) string {
	switch next := rest[0]; next {
	case '\'':
		return ": there is a single quote; JSON has names and strings in double quotes"
	case '/', '#':
		return ": there is what looks like a comment; JSON has no comments"
	case ',':
		if behind := bytes.TrimLeft(rest[1:], blanks); len(behind) > 0 && isClosing(behind[0]) {
			return ": there is a comma before a closing bracket; remove the comma"
		}
		return ": there is a comma where a name or a value is expected"
	case '+', '.':
		return ": there is a number that begins with " + string(next) + "; it has to begin with a digit or a minus sign"
	}
	return ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isClosing(c byte) bool { return c == '}' || c == ']' }
