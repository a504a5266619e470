// Package lookalike determines which JSON member names a lenient parser could confuse.
//
// PayerMax runs on Java. fastjson, which PayerMax's own SDK uses, ignores case, "_" and
// "-" when it binds names ("smart match"); other parsers ignore spaces as well. If one
// parser ignores a member that another reads as the amount, the merchant or the code,
// then a request or an answer that was checked means something else to its reader. So
// this package defines one folding for the request's envelope, its data and the gateway's
// answers.
package lookalike

import (
	"unicode"
	"unicode/utf8"
)

// Fold returns the shape of a name: two names that a parser could confuse have the same
// shape. The shape is only for comparisons, not for display.
func Fold(name string) string {
	return string(Append(nil, []byte(name)))
}

// Append appends the shape of name to dst: without "_", "-", spaces and invisible
// characters, and with one representative for all cases of a letter.
func Append(dst, name []byte) []byte {
	for len(name) > 0 {
		r, size := utf8.DecodeRune(name)
		name = name[size:]
		switch {
		case r == '_' || r == '-':
			continue
		case 'a' <= r && r <= 'z':
			r -= 'a' - 'A'
		case unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf):
			continue
		case r == 'ı' || r == 'İ':
			// Java's equalsIgnoreCase treats both as an i; Unicode's simple folding, which Go
			// follows, treats neither as one.
			r = 'I'
		case r >= utf8.RuneSelf:
			r = smallestCase(r)
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// smallestCase returns the first of the characters that differ from r only in
// case: S for the long s, K for the Kelvin sign.
func smallestCase(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}
