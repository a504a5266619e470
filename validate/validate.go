// Package validate knows what the data block of a PayerMax request must look
// like, per endpoint and API version, so that a mistake is reported where it
// was made and all at once, instead of one PARAMS_INVALID per round trip.
//
// The rules are data: one file per endpoint (apply_dropin_session.go) holds one
// table per API version, and a table reads like the field table of PayerMax's
// own documentation; the objects in an order have files of their own (order_*.go).
// The package knows nothing of HTTP, keys or signatures, and it never changes
// what it looks at.
//
// Beyond PayerMax's tables, it can hold a request against the merchant's own
// contract (Within), and tell which amounts a request would move (Amounts).
package validate

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Violation is one broken rule of a PayerMax field table.
//
// It names the field and what was expected, never the value that was sent:
// values are personal data, and a violation ends up in answers and log lines.
// Lengths, JSON types and a well-formed currency code are the only things of the
// request that it repeats.
type Violation struct {
	// Field is the RFC 6901 JSON Pointer of the offending member in the request
	// body, e.g. /data/currency or /data/componentList/1.
	Field string `json:"field"`

	// Rule is the machine word of the broken rule, one of
	//
	//	syntax     the block is not the JSON that the caller promised
	//	required   a required field is absent, null or empty
	//	type       the value has another JSON type than the table's
	//	maxLength  the text has more characters than allowed
	//	pattern    the text or the number is not written in the expected form
	//	enum       the text is none of the listed words
	//	currency   the code is no ISO 4217 currency in use today
	//	country    the code is not assigned in ISO 3166-1
	//	decimals   the amount has more decimals than PayerMax takes in its currency
	//	minimum    the amount is too small
	//	lookAlike  the name differs from a field's only in case, spaces, "_" or "-"
	//	contract   the value is valid, but outside the merchant's own contract
	Rule string `json:"rule"`

	// Row names the row of PayerMax's table that was broken, as the table writes
	// it, with [] for an element of an array: data.goodsDetails[].goodsName. For
	// a look-alike it is the row of the field that was meant. It comes from the
	// tables alone, never from the request, so its values are a fixed set: it may
	// be the label of a metric, as Field may not.
	Row string `json:"-"`

	// Message is one sentence for the developer: what was expected, and what to
	// send instead. It starts with the field's dotted name, as PayerMax's own
	// messages do.
	Message string `json:"message"`
}

// The words of Violation.Rule.
const (
	ruleSyntax    = "syntax"
	ruleRequired  = "required"
	ruleType      = "type"
	ruleMaxLength = "maxLength"
	rulePattern   = "pattern"
	ruleEnum      = "enum"
	ruleCurrency  = "currency"
	ruleCountry   = "country"
	ruleDecimals  = "decimals"
	ruleMinimum   = "minimum"
	ruleLookAlike = "lookAlike"
	ruleContract  = "contract"
)

// RuleSet holds the rules for the data block of one endpoint in one API
// version. It never changes, so any number of requests may use it at once.
type RuleSet struct {
	data     field
	contract Contract
}

// ruleSets maps PayerMax's endpoint names to API versions to rules. The version
// belongs to the endpoint, not to the gateway: PayerMax raises each endpoint's
// version on its own.
//
// PayerMax's OpenAPI file of March 2026 declares 1.4 for all but the session,
// and its pages meanwhile 1.5, with the same tables: the subscription guides'
// examples of 1.5 pass both. The Chinese page of the session declared 1.4 before
// it declared 1.6, with the same table.
var ruleSets = map[string]map[string]*RuleSet{
	"applyDropinSession": {
		"1.4": newRuleSet(applyDropinSession16),
		"1.5": newRuleSet(applyDropinSession15),
		"1.6": newRuleSet(applyDropinSession16),
	},
	"orderAndPay": sameRules(orderAndPay14, "1.4", "1.5"),
	"orderQuery":  sameRules(orderQuery14, "1.4", "1.5"),
	"refund":      sameRules(refund14, "1.4", "1.5"),
	"refundQuery": sameRules(refundQuery14, "1.4", "1.5"),
	"capture":     sameRules(capture14, "1.4", "1.5"),
	"cancel":      sameRules(cancel14, "1.4", "1.5"),
}

// sameRules are the rules of versions that have one table.
func sameRules(members *table, versions ...string) map[string]*RuleSet {
	rules := make(map[string]*RuleSet, len(versions))
	for _, version := range versions {
		rules[version] = newRuleSet(members)
	}
	return rules
}

// newRuleSet wraps the table of an endpoint in the envelope's data field, which
// is "object, Required: Yes" on every page.
func newRuleSet(members *table) *RuleSet {
	return &RuleSet{data: field{
		name:     "data",
		source:   "every interface page",
		kind:     object,
		required: true,
		members:  members,
		expects:  "an object with the fields of this endpoint",
	}}
}

// Lookup returns the rules of an endpoint, such as "applyDropinSession", in an
// API version, such as "1.5". It reports false for a pair it has no rules for.
func Lookup(endpoint, version string) (*RuleSet, bool) {
	s, ok := ruleSets[endpoint][version]
	return s, ok
}

// Nearest returns the rules of an endpoint for any version: those of the version
// itself, or else of the highest version below it, or else of the lowest one. It
// names the version whose rules they are. A version that is no number has the
// rules of the highest. It reports false for an endpoint that it has no rules for.
func Nearest(endpoint, version string) (s *RuleSet, of string, ok bool) {
	known := Versions(endpoint)
	if len(known) == 0 {
		return nil, "", false
	}
	of = known[0]
	declared, isNumber := parseVersion(version)
	for _, candidate := range known {
		if number, _ := parseVersion(candidate); !isNumber || slices.Compare(number, declared) <= 0 {
			of = candidate
		}
	}
	return ruleSets[endpoint][of], of, true
}

// parseVersion reads a version such as 1.5, so that 1.10 is more than 1.9.
func parseVersion(version string) (parts []int, ok bool) {
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, false
		}
		parts = append(parts, n)
	}
	return parts, true
}

// Versions lists the API versions that Lookup knows for an endpoint, in ascending
// order. It is nil for an unknown endpoint.
func Versions(endpoint string) []string {
	return slices.SortedFunc(maps.Keys(ruleSets[endpoint]), func(a, b string) int {
		x, _ := parseVersion(a)
		y, _ := parseVersion(b)
		return slices.Compare(x, y)
	})
}

// Verdict is what the rules say of a block.
type Verdict struct {
	// Broken are the rules for which the request must be refused, in the order of
	// PayerMax's table. A member that only resembles a field comes right after that
	// field; members that PayerMax may have added since are left alone.
	Broken []Violation
	// Disputed are the rules that are broken as well, but that another document
	// of PayerMax's, or a client of its gateway, contradicts.
	Disputed []Dispute
}

// Judge checks data, the raw JSON of the request's data member.
//
// The caller has read the request strictly already: data is one JSON object
// in valid UTF-8 without duplicate names. Anything else is one violation on
// /data, never a panic. So that a hostile body cannot be answered with a far
// larger one, at most 100 violations are listed, and as many disputes.
func (s *RuleSet) Judge(data []byte) Verdict {
	w := walker{contract: &s.contract}
	w.at = w.steps[:0]
	w.value(&s.data, nil, jsontext.Value(data))
	return Verdict{Broken: w.found, Disputed: w.disputes}
}

// Validate is Judge for who wants to know of the rules alone that refuse the
// request. It returns nil when data is valid.
func (s *RuleSet) Validate(data []byte) []Violation { return s.Judge(data).Broken }
