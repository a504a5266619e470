package diagnosis

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// style is a way of writing JSON. The zero value with separators is the style of
// JavaScript's JSON.stringify, of Jackson, and of PHP's json_encode with all its flags.
type style struct {
	// comma and colon are the separators; indent is one step of indentation, or "" to write
	// everything on one line.
	comma, colon, indent string

	// sortedDepth is the number of levels of objects whose members are in alphabetical
	// order.
	sortedDepth           int
	emptyObjectsAreArrays bool
	withoutNulls          bool

	// escapeSlashes writes \/ for /, escapeHTML lists characters to write like \u003c, and
	// escapeUnicode writes everything outside ASCII as \uXXXX.
	escapeSlashes, escapeUnicode, upperHex bool
	escapeHTML                             string
	// number rewrites a number.
	number func(string) string
}

// breakLine begins a new line, unless everything is on one line.
func (s *style) breakLine(out []byte, depth int) []byte {
	if s.indent == "" {
		return out
	}
	out = append(out, '\n')
	for range depth {
		out = append(out, s.indent...)
	}
	return out
}

// text appends a string with its quotes.
func (s *style) text(out []byte, text string) []byte {
	out = append(out, '"')
	for _, r := range text {
		switch {
		case strings.ContainsRune("\b\f\n\r\t", r):
			out = append(out, '\\', map[rune]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}[r])
		case r < ' ', r >= utf8.RuneSelf && s.escapeUnicode, s.escapeHTML != "" && strings.ContainsRune(s.escapeHTML, r):
			out = s.escape(out, r)
		case r == '"' || r == '\\' || r == '/' && s.escapeSlashes:
			out = append(out, '\\', byte(r))
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}

// escape appends a character as \uXXXX, or as a surrogate pair.
func (s *style) escape(out []byte, r rune) []byte {
	format := `\u%04x`
	if s.upperHex {
		format = `\u%04X`
	}
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(out, format+format, high, low)
	}
	return fmt.Appendf(out, format, r)
}

// How languages write numbers that they have parsed. Each function leaves numbers that it
// cannot parse as they are.

func asWritten(number string) string { return number }

// shortest writes a number like JavaScript and Go, as a float64: 15.00 becomes 15, and
// large numbers lose digits. PHP writes all but very large and very small numbers in the
// same way.
func shortest(number string) string {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return number
	}
	if f != 0 && (f >= 1e21 || f <= -1e21 || f < 1e-6 && f > -1e-6) {
		return trimExponent(strconv.FormatFloat(f, 'e', -1, 64))
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// trimExponent removes the zero of a two-digit exponent: 1e-09 becomes 1e-9.
func trimExponent(number string) string {
	if n := len(number); n >= 4 && number[n-2] == '0' && (number[n-3] == '-' || number[n-3] == '+') {
		return number[:n-2] + number[n-1:]
	}
	return number
}

// pythons writes a number like Python: whole numbers stay, others are float64 with at
// least one decimal.
func pythons(number string) string {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !strings.ContainsAny(number, ".eE") {
		return number
	}
	if f != 0 && (f >= 1e16 || f <= -1e16 || f < 1e-4 && f > -1e-4) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return withDecimal(strconv.FormatFloat(f, 'f', -1, 64))
}

// javas writes a number like Java's Double.toString, which Gson applies to every number
// of a Map<String, Object>: 10000 becomes 10000.0, and 15000000 becomes 1.5E7.
func javas(number string) string {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return number
	}
	if f != 0 && (f >= 1e7 || f <= -1e7 || f < 1e-3 && f > -1e-3) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
		exponent = strings.TrimPrefix(exponent, "+")
		n, _ := strconv.Atoi(exponent) // FormatFloat writes nothing else there
		return withDecimal(mantissa) + "E" + strconv.Itoa(n)
	}
	return withDecimal(strconv.FormatFloat(f, 'f', -1, 64))
}

// quoted writes a number as a string, as amounts often are.
func quoted(number string) string { return `"` + number + `"` }

// withDecimal appends .0 to a whole number.
func withDecimal(number string) string {
	if strings.Contains(number, ".") {
		return number
	}
	return number + ".0"
}

// cents writes an amount with two decimals, which another program may have removed after
// signing.
func cents(number string) string {
	whole, fraction, _ := strings.Cut(number, ".")
	if strings.ContainsAny(number, "eE") || len(fraction) > 2 {
		return number
	}
	return whole + "." + fraction + strings.Repeat("0", 2-len(fraction))
}
