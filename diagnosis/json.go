package diagnosis

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// maxDepth is the maximum nesting depth of a body that is parsed.
const maxDepth = 200

// node is a JSON value that keeps the order of members, which the maps of encoding/json
// would lose.
type node struct {
	kind byte // '{', '[', 's' for a string, 'n' for a number, 'l' for true, false and null
	// text is the value of a string, or a number or literal as it was written.
	text string
	// names and values are the members of an object, values the elements of an array.
	names  []string
	values []*node
}

// parse parses a text that must be one JSON value, optionally after a byte order mark.
func parse(text []byte) (*node, error) {
	if len(text) > maxTakenApart {
		return nil, errors.New("it is too long")
	}
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte(byteOrderMark))))
	decoder.UseNumber()
	root, err := parseValue(decoder, 0)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("there is something after the value")
	}
	return root, nil
}

// parseValue reads the next value.
func parseValue(decoder *json.Decoder, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errors.New("it is nested too deeply")
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case string:
		return &node{kind: 's', text: token}, nil
	case json.Number:
		return &node{kind: 'n', text: token.String()}, nil
	case json.Delim:
		return parseInside(decoder, byte(token), depth)
	case bool:
		if token {
			return &node{kind: 'l', text: "true"}, nil
		}
		return &node{kind: 'l', text: "false"}, nil
	}
	return &node{kind: 'l', text: "null"}, nil
}

// parseInside reads an object or an array after its opening delimiter.
func parseInside(decoder *json.Decoder, kind byte, depth int) (*node, error) {
	n := &node{kind: kind}
	for decoder.More() {
		if kind == '{' {
			name, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			n.names = append(n.names, name.(string)) // the decoder accepts only strings here
		}
		value, err := parseValue(decoder, depth+1)
		if err != nil {
			return nil, err
		}
		n.values = append(n.values, value)
	}
	_, err := decoder.Token() // the closing delimiter
	return n, err
}

// member returns the value of a member, or nil.
func (n *node) member(name string) *node {
	if i := slices.Index(n.names, name); n.kind == '{' && i >= 0 {
		return n.values[i]
	}
	return nil
}

// without returns a copy of the object without the members that dropped selects.
func (n *node) without(dropped func(name string) bool) *node {
	rest := &node{kind: n.kind}
	for i, name := range n.names {
		if !dropped(name) {
			rest.names = append(rest.names, name)
			rest.values = append(rest.values, n.values[i])
		}
	}
	return rest
}

// withMember returns a copy of the object with another value for an existing member.
func (n *node) withMember(name string, value *node) *node {
	changed := &node{kind: n.kind, names: n.names, values: slices.Clone(n.values)}
	changed.values[slices.Index(n.names, name)] = value
	return changed
}

// sorted returns a copy of the value with the members of all objects in alphabetical
// order.
func (n *node) sorted() *node {
	ordered := &node{kind: n.kind, text: n.text}
	for _, i := range n.order(true) {
		if n.kind == '{' {
			ordered.names = append(ordered.names, n.names[i])
		}
		ordered.values = append(ordered.values, n.values[i].sorted())
	}
	return ordered
}

// pruned returns a copy of the value without the members, at any depth, whose values
// dropped selects.
func (n *node) pruned(dropped func(*node) bool) *node {
	rest := &node{kind: n.kind, text: n.text}
	for i, value := range n.values {
		switch {
		case n.kind == '{' && dropped(value):
			continue
		case n.kind == '{':
			rest.names = append(rest.names, n.names[i])
		}
		rest.values = append(rest.values, value.pruned(dropped))
	}
	return rest
}

// isNull reports whether the value is null.
func (n *node) isNull() bool { return n.kind == 'l' && n.text == "null" }

// isEmptyText reports whether the value is an empty string.
func (n *node) isEmptyText() bool { return n.kind == 's' && n.text == "" }

// isEmpty reports whether the value is an empty string, object or array.
func (n *node) isEmpty() bool {
	return n.isEmptyText() || (n.kind == '{' || n.kind == '[') && len(n.values) == 0
}

// order returns the indices of the members or elements in the order in which they are
// written.
func (n *node) order(sorted bool) []int {
	indices := make([]int, len(n.values))
	for i := range indices {
		indices[i] = i
	}
	if sorted && n.kind == '{' {
		slices.SortStableFunc(indices, func(a, b int) int { return strings.Compare(n.names[a], n.names[b]) })
	}
	return indices
}

// write appends the value in a style to out.
func (n *node) write(out []byte, s *style, depth int) []byte {
	switch n.kind {
	case 's':
		return s.text(out, n.text)
	case 'n':
		return append(out, s.number(n.text)...)
	case 'l':
		return append(out, n.text...)
	}
	begin, end := n.kind, byte('}')
	if n.kind == '[' {
		end = ']'
	} else if s.emptyObjectsAreArrays && len(n.values) == 0 {
		begin, end = '[', ']'
	}
	out = append(out, begin)
	written := 0
	for _, i := range n.order(depth < s.sortedDepth) {
		value := n.values[i]
		if s.withoutNulls && n.kind == '{' && value.isNull() {
			continue
		}
		if written > 0 {
			out = append(out, s.comma...)
		}
		out = s.breakLine(out, depth+1)
		if n.kind == '{' {
			out = append(s.text(out, n.names[i]), s.colon...)
		}
		out = value.write(out, s, depth+1)
		written++
	}
	if written > 0 {
		out = s.breakLine(out, depth)
	}
	return append(out, end)
}
