package envelope

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// Names are names of members, keyed by their folded form ([lookalike.Fold]).
type Names map[string]string

// NewNames returns the Names for the given names.
func NewNames(names ...string) Names {
	byShape := make(Names, len(names))
	for _, name := range names {
		byShape[lookalike.Fold(name)] = name
	}
	return byShape
}

// Claim is a member that says what a request or an answer is about, such as the number of
// an order.
type Claim struct {
	// Name is the name in [Names] that the member's name matches.
	Name string
	// Text is the member's value: a string is unquoted and unescaped, anything else is as
	// written. It is never empty, because null and "" claim nothing.
	Text string
	// LookAlike says that the member's name differs from Name, but that a lenient parser
	// could take it for Name.
	LookAlike bool
	// InData says that the member is in data, rather than beside it.
	InData bool
}

// ReadClaims returns the claims of a request: the members of the envelope and of its data
// that names lists. It returns nil if the body is not JSON.
func ReadClaims(body []byte, names Names) []Claim {
	d := openDecoder(body)
	defer d.close()
	claims := make([]Claim, 0, len(names))
	err := eachMember(d, func(name []byte, value jsontext.Value) error {
		if string(name) == "data" {
			claims = names.appendClaims(claims, value)
		} else {
			claims = names.appendClaim(claims, name, value, false)
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return claims
}

// appendClaims adds the claims of an object's members.
func (n Names) appendClaims(claims []Claim, object jsontext.Value) []Claim {
	if len(n) == 0 || object.Kind() != '{' {
		return claims
	}
	d := openDecoder(object)
	defer d.close()
	// The object is part of a text that has been read already, so there is no error.
	_ = eachMember(d, func(name []byte, value jsontext.Value) error {
		claims = n.appendClaim(claims, name, value, true)
		return nil
	})
	return claims
}

// maxShape is the size of the buffer for the folded form of a name, in bytes. A longer
// name takes an allocation.
const maxShape = 64

// appendClaim adds the claim of a member, if its name is in n and its value claims
// anything.
func (n Names) appendClaim(claims []Claim, name []byte, value jsontext.Value, inData bool) []Claim {
	if len(n) == 0 {
		return claims
	}
	var shape [maxShape]byte
	known, ok := n[string(lookalike.Append(shape[:0], name))]
	if !ok || claimsNothing(value) {
		return claims
	}
	text := textOf(value)
	if value.Kind() != '"' {
		text = string(value)
	}
	return append(claims, Claim{Name: known, Text: text, LookAlike: string(name) != known, InData: inData})
}
