package envelope

import (
	"strings"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// reservedFirst are the first characters of names that have a special meaning to Java's
// JSON parsers, which do not read them as ordinary members:
//
//   - "$ref" makes fastjson replace the object by another part of the document, and
//     "@type" makes it create an object of the named class (fastjson 1.2.83:
//     DefaultJSONParser.parseObject, JSON.DEFAULT_TYPE_KEY). In fastjson2, "@value" is
//     special as well (ObjectReader.VALUE_NAME).
//   - "@class", "@c" and "@type" make Jackson create an object of the named class
//     (JsonTypeInfo.Id), and its "@id" refers to another object (JsonIdentityInfo).
//   - fastjson2 takes {"$numberDecimal":"1"} for a number and {"$date":…} for a
//     date (ObjectReaderImplBigDecimal, TypeUtils.toDate).
//
// So what PayerMax reads could differ from what was validated and checked against the
// limits. The parser's settings decide which of these names work, and may add others. But
// all of them begin with one of these characters, and no member of PayerMax's API does. So
// the first character is refused, and not a list of names.
const reservedFirst = "$@"

// prototype is JavaScript's name for an object's prototype, from which it inherits
// members. JSON.parse creates an ordinary member with this name. But code that copies
// that member with Object.assign, or merges it, sets the prototype of the copy, which
// then inherits members that the answer does not have, such as a status.
const prototype = "__proto__"

// isReserved reports whether a member's name could have a special meaning to a parser. It
// compares the folded form of the name, as for look-alikes. A name that begins with a NUL
// is also reserved: PHP's json_decode refuses the whole text then, because PHP marks
// private properties with a NUL.
func isReserved(name []byte) bool {
	if len(name) == 0 || isLetter(name[0]) {
		return false // true of nearly every name
	}
	if name[0] == 0 || string(name) == prototype {
		return true
	}
	shape := lookalike.Fold(string(name))
	return shape != "" && strings.IndexByte(reservedFirst, shape[0]) >= 0
}

// isLetter reports whether c is an ASCII letter.
func isLetter(c byte) bool {
	c |= 'a' - 'A'
	return 'a' <= c && c <= 'z'
}

// reserved returns the error for the member whose name was read last.
func (r *reader) reserved() *Error {
	return &Error{Field: r.field(), Rule: "reserved", Message: `a member's name must not begin with "$" or "@", by which JSON parsers ` +
		`mark references and types, nor with a NUL, nor be "__proto__"; PayerMax's API has no such member, so leave it out or rename it`}
}
