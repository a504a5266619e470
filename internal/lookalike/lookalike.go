// Package lookalike says which JSON member names a lenient parser could take
// for one another.
//
// PayerMax runs on Java. fastjson, which PayerMax's own SDK uses, binds names
// without regard to case, "_" and "-" and calls it smart match; other parsers
// skip spaces as well. A member that one parser ignores and another reads as
// the amount, the merchant or the code is how a request or an answer that was
// checked turns into a different one. So there is one folding, and the request's
// envelope, its data and the gateway's answers are all judged by it.
package lookalike

import (
	"unicode"
	"unicode/utf8"
)

// Fold returns the shape of a name: two names that a parser could confuse have
// the same one. The shape is for comparison alone and is not fit to be shown.
func Fold(name string) string {
	return string(Append(nil, []byte(name)))
}

// Append appends the shape of name to dst, without "_", "-", spaces and
// characters that cannot be seen, and with one spelling for all cases of a
// letter.
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
			// Java's equalsIgnoreCase takes both for an i; Unicode's simple
			// folding, which Go follows, takes neither.
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
