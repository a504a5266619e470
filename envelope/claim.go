package envelope

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// Names are names of members, by what [lookalike.Fold] makes of them.
type Names map[string]string

// NewNames returns the names.
func NewNames(names ...string) Names {
	byShape := make(Names, len(names))
	for _, name := range names {
		byShape[lookalike.Fold(name)] = name
	}
	return byShape
}

// Claim is a member by which an envelope says what it is about, such as the
// number of an order.
type Claim struct {
	// Name is the member's name, as [Names] has it.
	Name string
	// Text is its value: a string without its quotes and escapes, anything else
	// as it is written. It is never empty: null and "" claim nothing.
	Text string
	// LookAlike says that the name is another one, which a lenient parser could
	// take for this.
	LookAlike bool
	// InData says that the member stands in data, rather than beside it.
	InData bool
}

// ReadClaims returns the claims of a request: the members named that stand in
// the envelope or in its data. What is not JSON claims nothing.
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
	// The object is part of a text that was read, so there is no error.
	_ = eachMember(d, func(name []byte, value jsontext.Value) error {
		claims = n.appendClaim(claims, name, value, true)
		return nil
	})
	return claims
}

// maxShape is the length of most names' shapes. Longer ones take an allocation.
const maxShape = 64

// appendClaim adds the claim of a member, if it makes one.
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
