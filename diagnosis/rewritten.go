package diagnosis

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// choice is one way in which programs differ when they write JSON.
type choice struct {
	apply func(*style)
	// words describe the difference from the plainest notation, and which program writes it.
	words string
}

// choices are the usual differences. A program makes at most one choice of each row.
var choices = [][]choice{
	{
		{func(s *style) { s.comma, s.colon = ", ", ": " }, "with a space after commas and colons (Python)"},
		{func(s *style) { s.colon, s.indent = ": ", "  " }, "indented by two spaces"},
		{func(s *style) { s.colon, s.indent = ": ", "    " }, "indented by four spaces"},
		{func(s *style) { s.colon, s.indent = ": ", "\t" }, "indented by tabs"},
	},
	{
		{func(s *style) { s.sortedDepth = maxDepth }, "with its members in alphabetical order (Go maps, sort_keys, TreeMap)"},
		{func(s *style) { s.sortedDepth = 1 }, "with the members of the outermost object in alphabetical order (ksort)"},
	},
	{
		{func(s *style) { s.escapeSlashes = true }, `with \/ for / (PHP)`},
	},
	{
		{func(s *style) { s.escapeUnicode = true }, `with \uXXXX for characters outside ASCII (PHP, Python)`},
		{func(s *style) { s.escapeUnicode, s.upperHex = true, true }, `with \uXXXX for characters outside ASCII (Java)`},
		{func(s *style) { s.escapeUnicode, s.upperHex, s.escapeHTML = true, true, "\"&'+<>`\x7f" },
			`with \u0022, \u002B and the like for ", +, &, ', <, > and characters outside ASCII (.NET's System.Text.Json)`},
		{func(s *style) { s.escapeHTML = "\u2028\u2029" }, `with \u2028 for line separators (Go, Gson, PHP)`},
	},
	{
		{func(s *style) { s.escapeHTML = "<>&\u2028\u2029" }, `with \u003c, \u003e and \u0026 for <, > and & (Go)`},
		{func(s *style) { s.escapeHTML = "<>&='\u2028\u2029" }, `with \u003c, \u003d and the like for <, >, &, = and ' (Gson)`},
	},
	{
		{func(s *style) { s.number = shortest }, "with its numbers rewritten, such as 15 for 15.00 (JavaScript, PHP, Go)"},
		{func(s *style) { s.number = pythons }, "with its numbers rewritten, such as 15.0 for 15.00 (Python)"},
		{func(s *style) { s.number = javas }, "with its numbers rewritten, such as 15.0 for 15 (Gson)"},
		{func(s *style) { s.number = cents }, "with two decimals in its numbers"},
		{func(s *style) { s.number = quoted }, "with its numbers as strings, such as \"15.00\" for 15.00"},
	},
	{
		{func(s *style) { s.emptyObjectsAreArrays = true }, "with [] for {} (PHP arrays)"},
	},
	{
		{func(s *style) { s.withoutNulls = true }, "without the members that are null (Gson, fastjson)"},
	},
}

// notation is one way to write a JSON value.
type notation struct {
	style style
	words []string
}

// String describes the peculiarities of the notation.
func (n notation) String() string {
	if len(n.words) == 0 {
		return "without white space and without unnecessary escapes (JavaScript, Jackson)"
	}
	return strings.Join(n.words, ", ")
}

// plain is the notation without peculiarities.
var plain = style{comma: ",", colon: ":", number: asWritten}

// notations returns the usual notations of a value, from the plainest to the one with the
// most peculiarities. Choices that make no difference to this value are left out.
func notations(n *node) []notation {
	all := []notation{{style: plain}}
	for _, row := range choices {
		seen := [][]byte{n.write(nil, &plain, 0)}
		before := all
		for _, c := range row {
			alone := plain
			c.apply(&alone)
			text := n.write(nil, &alone, 0)
			if slices.ContainsFunc(seen, func(s []byte) bool { return bytes.Equal(s, text) }) {
				continue
			}
			seen = append(seen, text)
			for _, with := range before {
				c.apply(&with.style)
				with.words = append(slices.Clone(with.words), c.words)
				all = append(all, with)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b notation) int { return len(a.words) - len(b.words) })
	return all
}

// rewritten yields the bodies that result when JSON, or a part of it, is parsed and
// written again.
func rewritten(body []byte) candidates {
	root, err := parse(body)
	if err != nil {
		return none
	}
	return func(yield func(Finding, []byte) bool) {
		_ = inNotations(root, peculiarities, JSONRewritten, "the same JSON in another notation", "Serialise it once, and sign and send that text.", yield) &&
			spaced(root, yield) && dataOnly(body, root, yield) && signInside(root, yield) && lessMembers(root, yield) && lessValues(root, yield) && sortedData(root, yield) && pairs(root, yield)
	}
}

// none yields no candidates.
func none(func(Finding, []byte) bool) {}

// The maximum number of peculiarities that are tried at once: peculiarities for the whole
// body, since there are programs with so many, and fewPeculiarities for a body without
// some of its members, where more are unlikely.
const (
	peculiarities    = 5
	fewPeculiarities = 2
)

// inNotations yields a value in its notations, each with and without a line feed at its
// end. The advice first says what was signed, and then in which notation.
func inNotations(n *node, atMost int, cause Cause, what, remedy string, yield func(Finding, []byte) bool) bool {
	for _, notation := range notations(n) {
		if len(notation.words) > atMost {
			break
		}
		text := n.write(nil, &notation.style, 0)
		how := "The signature covers " + what + ", written " + notation.String()
		if !yield(Finding{cause, how + ". " + remedy}, text) || !yield(Finding{cause, how + ", and with a line feed at its end. " + remedy}, append(text, '\n')) {
			return false
		}
		// Line breaks within strings are escaped, so these are all between the parts.
		windows := bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
		if notation.style.indent != "" && !yield(Finding{cause, how + ", with Windows' line breaks (.NET). " + remedy}, windows) {
			return false
		}
	}
	return true
}

// spaced yields a value with white space in unusual places.
func spaced(root *node, yield func(Finding, []byte) bool) bool {
	for _, space := range []style{
		{comma: ", ", colon: ":"}, {comma: ",", colon: ": "}, {comma: ", ", colon: " : "}, {comma: ",", colon: " : "},
		{comma: ",", colon: " : ", indent: "  "}, // Jackson's DefaultPrettyPrinter
	} {
		space.number = asWritten
		text := root.write(nil, &space, 0)
		finding := Finding{JSONRewritten, "The signature covers the same JSON with more white space between its parts. Serialise it once, and sign and send that text."}
		if !yield(finding, text) || !yield(finding, append(text, '\n')) {
			return false
		}
	}
	return true
}

// signInside yields the body with an empty member sign: in the place of an existing one,
// or else at the beginning or at the end.
func signInside(root *node, yield func(Finding, []byte) bool) bool {
	if root.kind != '{' {
		return true
	}
	const remedy = "PayerMax's signature belongs in the header named sign, and not in the body."
	rest := root.without(func(name string) bool { return name == "sign" })
	name := []string{"sign"}
	for _, empty := range []*node{{kind: 's'}, {kind: 'l', text: "null"}} {
		value := []*node{empty}
		objects := []*node{
			{kind: '{', names: slices.Concat(rest.names, name), values: slices.Concat(rest.values, value)},
			{kind: '{', names: slices.Concat(name, rest.names), values: slices.Concat(value, rest.values)},
		}
		if root.member("sign") != nil {
			objects = append(objects, root.withMember("sign", empty))
		}
		for _, object := range objects {
			if !inNotations(object, 1, EnvelopeChanged, "the same JSON with an empty sign in it", remedy, yield) {
				return false
			}
		}
	}
	return true
}

// dataOnly yields the data block alone.
func dataOnly(body []byte, root *node, yield func(Finding, []byte) bool) bool {
	const (
		what   = "the data block alone"
		remedy = "PayerMax's covers the whole body, from the first brace to the last."
	)
	data := root.member("data")
	if data == nil {
		return true
	}
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &envelope) == nil && !yield(Finding{DataOnly, "The signature covers " + what + ". " + remedy}, envelope.Data) {
		return false
	}
	return inNotations(data, peculiarities, DataOnly, what, remedy, yield)
}

// envelopeMembers are the members of the envelope next to data.
var envelopeMembers = []string{"requestTime", "version", "keyVersion", "appId", "merchantNo", "spMerchantNo", "notifyTime", "notifyType"}

// lessMembers yields the body without members that may have been added after signing:
// without each of the envelope's members, and without all of them.
func lessMembers(root *node, yield func(Finding, []byte) bool) bool {
	const remedy = "Complete the body first, then sign it."
	without := func(what, remedy string, dropped func(name string) bool) bool {
		return inNotations(root.without(dropped), fewPeculiarities, EnvelopeChanged, "the same JSON without "+what, remedy, yield)
	}
	if root.member("sign") != nil && !without("the sign in it", "PayerMax's signature belongs in the header named sign, not in the body.",
		func(name string) bool { return name == "sign" }) {
		return false
	}
	for _, added := range envelopeMembers {
		if root.member(added) != nil && !without(added, remedy, func(name string) bool { return name == added }) {
			return false
		}
	}
	return root.member("data") == nil || without("the members beside data", remedy, func(name string) bool { return name != "data" })
}

// lessValues yields the body without null or empty members, at any depth.
func lessValues(root *node, yield func(Finding, []byte) bool) bool {
	for _, without := range []struct {
		what    string
		dropped func(*node) bool
	}{
		{"the members that are null or empty (Jackson's NON_EMPTY)", func(n *node) bool { return n.isNull() || n.isEmpty() }},
		{"the members that are null or an empty string", func(n *node) bool { return n.isNull() || n.isEmptyText() }},
		{"the members that are empty", (*node).isEmpty},
		{"the members that are an empty string", (*node).isEmptyText},
	} {
		if !inNotations(root.pruned(without.dropped), fewPeculiarities, JSONRewritten, "the same JSON without "+without.what, "Serialise it once, and sign and send that text.", yield) {
			return false
		}
	}
	return true
}

// sortedData yields the body with only the members of data in alphabetical order.
func sortedData(root *node, yield func(Finding, []byte) bool) bool {
	data := root.member("data")
	return data == nil || inNotations(root.withMember("data", data.sorted()), fewPeculiarities, JSONRewritten,
		"the same JSON with the members of data in alphabetical order", "Serialise it once, and sign and send that text.", yield)
}

// pairs yields name=value&name=value of the body or of its data, which other gateways
// require to be signed.
func pairs(root *node, yield func(Finding, []byte) bool) bool {
	finding := Finding{QueryString, "The signature covers name=value pairs. Other gateways require that; PayerMax's signature covers the JSON body as it is sent."}
	plus := strings.NewReplacer("+", "%20")
	for _, object := range []*node{root, root.member("data")} {
		if object == nil || object.kind != '{' {
			continue
		}
		for _, encode := range []func(string) string{
			func(value string) string { return value }, url.QueryEscape, func(value string) string { return plus.Replace(url.QueryEscape(value)) },
		} {
			for _, sorted := range []bool{true, false} {
				for _, all := range []bool{true, false} {
					text := pairsOf(object, sorted, all, encode)
					if !yield(finding, []byte(text)) || !yield(finding, []byte(text+"&key=")) || !yield(finding, []byte("&"+text)) {
						return false
					}
				}
			}
		}
	}
	return true
}

// pairsOf writes the members of an object as pairs: in alphabetical order or in their
// own, and all of them or only those that are not empty.
func pairsOf(object *node, sorted, all bool, encode func(string) string) string {
	var pairs []string
	for _, i := range object.order(sorted) {
		value := object.values[i]
		if object.names[i] == "sign" || !all && (value.isNull() || value.isEmpty()) {
			continue
		}
		text := value.text
		if value.kind == '{' || value.kind == '[' {
			text = string(value.write(nil, &plain, 0))
		}
		pairs = append(pairs, object.names[i]+"="+encode(text))
	}
	return strings.Join(pairs, "&")
}
