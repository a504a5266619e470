// Package validate knows what the data block of a PayerMax request must look like, per
// endpoint and API version, so that all mistakes are reported at once and where they were
// made, instead of one PARAMS_INVALID per round trip.
//
// The rules are data: one file per endpoint (apply_dropin_session.go) holds one table per API
// version, and a table reads like the field table in PayerMax's own documentation. The
// objects in an order have their own files (order_*.go). The package does not depend on HTTP,
// keys or signatures, and never changes its input.
//
// Beyond PayerMax's tables, it can check a request against the merchant's own contract
// (Within), and determine which amounts a request would move (Amounts).
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
// It names the field and what was expected, never the value that was sent: values are
// personal data, and violations appear in answers and log lines. Lengths, JSON types and a
// well-formed currency code are the only parts of the request that it repeats.
type Violation struct {
	// Field is the RFC 6901 JSON Pointer of the offending member in the request
	// body, e.g. /data/currency or /data/componentList/1.
	Field string `json:"field"`

	// Rule is the machine-readable name of the broken rule, one of
	//
	//	syntax     the block is not the JSON that the caller promised
	//	required   a required field is absent, null or empty
	//	type       the value has a different JSON type from the table's
	//	maxLength  the text has more characters than allowed
	//	pattern    the text or the number does not have the expected form
	//	enum       the text is not one of the listed words
	//	currency   the code is not that of an ISO 4217 currency in use today
	//	country    the code is not assigned in ISO 3166-1
	//	decimals   the amount has more decimals than PayerMax accepts in its currency
	//	minimum    the amount is too small
	//	lookAlike  the name differs from a field's only in case, spaces, "_" or "-"
	//	contract   the value is valid, but outside the merchant's own contract
	Rule string `json:"rule"`

	// Row names the broken row of PayerMax's table as the table writes it, with [] for an
	// element of an array: data.goodsDetails[].goodsName. For a look-alike, it is the row of
	// the field that was meant. It comes from the tables only, never from the request, so its
	// values are a fixed set: unlike Field, it may be the label of a metric.
	Row string `json:"-"`

	// Message is one sentence for the developer: what was expected, and what to send instead.
	// It starts with the field's dotted name, as PayerMax's own messages do.
	Message string `json:"message"`
}

// The values of Violation.Rule.
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

// RuleSet holds the rules for the data block of one endpoint in one API version. It is
// immutable and safe for concurrent use.
type RuleSet struct {
	data     field
	contract Contract
}

// ruleSets maps PayerMax's endpoint names to API versions, and these to rules. The version
// belongs to the endpoint, not to the gateway: PayerMax raises each endpoint's version
// independently.
//
// PayerMax's OpenAPI file of March 2026 declares 1.4 for all endpoints but the session. Its
// pages have since moved to 1.5, with the same tables: the subscription guides' examples for
// 1.5 pass both. The Chinese page of the session declared 1.4 before 1.6, with the same
// table.
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

// sameRules returns the rules of versions that share a table.
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

// Lookup returns the rules of an endpoint, such as "applyDropinSession", in an API version,
// such as "1.5". ok is false if there are no rules for the pair.
func Lookup(endpoint, version string) (*RuleSet, bool) {
	s, ok := ruleSets[endpoint][version]
	return s, ok
}

// Nearest returns the rules of an endpoint for any version: those of the version itself,
// otherwise those of the highest version below it, otherwise those of the lowest. of is the
// version of the returned rules. A version that is not a number gets the rules of the
// highest. ok is false if there are no rules for the endpoint.
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

// parseVersion reads a version such as 1.5, so that 1.10 is higher than 1.9.
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

// Verdict is the result of applying the rules to a block.
type Verdict struct {
	// Broken are the rules for which the request must be refused, in the order of PayerMax's
	// table. A member that only resembles a field comes right after that field. Members that
	// PayerMax may have added since are ignored.
	Broken []Violation
	// Disputed are the broken rules that another document of PayerMax, or a client of its
	// gateway, contradicts.
	Disputed []Dispute
}

// Judge checks data, the raw JSON of the request's data member.
//
// The caller has already parsed the request strictly: data is one JSON object in valid UTF-8
// without duplicate names. Anything else is one violation on /data, never a panic. At most
// 100 violations and 100 disputes are listed, so that a hostile body does not get a much
// larger answer.
func (s *RuleSet) Judge(data []byte) Verdict {
	w := walker{contract: &s.contract}
	w.at = w.steps[:0]
	w.value(&s.data, nil, jsontext.Value(data))
	return Verdict{Broken: w.found, Disputed: w.disputes}
}

// Validate is Judge for callers that only need the rules that refuse the request. It returns
// nil if data is valid.
func (s *RuleSet) Validate(data []byte) []Violation { return s.Judge(data).Broken }
