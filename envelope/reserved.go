package envelope

import (
	"strings"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// reservedFirst are the characters that the names begin with which Java's JSON
// parsers act upon, instead of reading a member of that name:
//
//   - "$ref" makes fastjson put another part of the document in the object's
//     place, and "@type" makes it create an object of the class that is named
//     (fastjson 1.2.83: DefaultJSONParser.parseObject, JSON.DEFAULT_TYPE_KEY;
//     fastjson2 besides them "@value": ObjectReader.VALUE_NAME).
//   - "@class", "@c" and "@type" do the latter in Jackson (JsonTypeInfo.Id), and
//     its "@id" refers to another object (JsonIdentityInfo).
//   - fastjson2 takes {"$numberDecimal":"1"} for a number and {"$date":…} for a
//     date (ObjectReaderImplBigDecimal, TypeUtils.toDate).
//
// What was validated and held against the limits would be something else by the
// time it is read. The parser's settings decide which of these work and may add
// others, but all begin alike, and no member of PayerMax's API does. So it is the
// first character that is refused, not a list of names.
const reservedFirst = "$@"

// prototype is the name under which JavaScript knows the object that lends another one
// its members. JSON.parse makes a member of it, but whoever copies that member with
// Object.assign, or merges it, gives the copy whatever members it names, such as a
// status that the answer does not have.
const prototype = "__proto__"

// isReserved reports whether a parser could act upon a member's name, as strictly
// as it is judged whether one name can be taken for another. PHP's json_decode
// refuses the whole text if an object's name begins with a NUL, by which it marks what
// is private.
func isReserved(name []byte) bool {
	if len(name) == 0 || isLetter(name[0]) {
		return false // as nearly every name
	}
	if name[0] == 0 || string(name) == prototype {
		return true
	}
	shape := lookalike.Fold(string(name))
	return shape != "" && strings.IndexByte(reservedFirst, shape[0]) >= 0
}

// isLetter reports whether c is a letter of ASCII.
func isLetter(c byte) bool {
	c |= 'a' - 'A'
	return 'a' <= c && c <= 'z'
}

// reserved refuses the member whose name was read last.
func (r *reader) reserved() *Error {
	return &Error{Field: r.field(), Rule: "reserved", Message: `a member's name must not begin with "$" or "@", by which JSON parsers ` +
		`mark references and types, nor with a NUL, nor be "__proto__"; PayerMax's API has no such member, so leave it out or rename it`}
}
