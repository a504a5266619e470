package envelope

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

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

// isReserved reports whether a parser could act upon a member's name, as strictly
// as it is judged whether one name can be taken for another.
func isReserved(name string) bool {
	if name == "" || isLetter(name[0]) {
		return false // as nearly every name
	}
	shape := lookalike.Fold(name)
	return shape != "" && strings.IndexByte(reservedFirst, shape[0]) >= 0
}

// quotedNameIsReserved is isReserved for a name as it stands in the text.
func quotedNameIsReserved(quoted jsontext.Value) bool {
	return !isLetter(quoted[1]) && isReserved(member{value: quoted}.text())
}

// isLetter reports whether c is a letter of ASCII.
func isLetter(c byte) bool {
	c |= 'a' - 'A'
	return 'a' <= c && c <= 'z'
}

// isName reports whether the string that was read last is a member's name.
func (r reader) isName() bool {
	kind, length := r.dec.StackIndex(r.dec.StackDepth())
	return kind == '{' && length%2 == 1 // names and values count alike
}

// reserved refuses the member whose name was read last.
func (r reader) reserved() *Error {
	return &Error{Field: r.field(), Rule: "reserved", Message: `a member's name must not begin with "$" or "@", by which JSON parsers ` +
		`mark references and types; PayerMax's API has no such member, so leave it out or rename it`}
}
