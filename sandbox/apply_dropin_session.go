package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"math/big"
	"slices"
)

// dropinAmount is the rule for data.totalAmount in the documentation of one version.
type dropinAmount struct {
	required bool

	// types are the JSON types that the amount may have. The first one is the type in the version's table, and the one
	// that a refusal asks for.
	types []string

	// zeroNeedsMIT is true if 0 is allowed only together with mitType.
	zeroNeedsMIT bool
}

// dropinAmounts holds the rule for data.totalAmount by version. PayerMax's pages disagree: the Chinese ones (1.4, 1.6)
// have an optional string, the English one (1.5) a required number. The page of version 1.1 is gone; its remaining
// examples omit the member or send a string. The guides declare any version and send a string, and the English page
// shows its number next to an example of another version. So some page allows either type, in every version.
var dropinAmounts = map[string]dropinAmount{
	"1.1": {types: []string{"string", "number"}},
	"1.4": {types: []string{"string", "number"}, zeroNeedsMIT: true},
	"1.5": {types: []string{"number", "string"}, required: true},
	"1.6": {types: []string{"string", "number"}, zeroNeedsMIT: true},
}

// amountRule returns the rule of a version. A version that was never documented gets the rule of the examples, which is
// that of 1.1.
func amountRule(version string) dropinAmount {
	if rule, known := dropinAmounts[version]; known {
		return rule
	}
	return dropinAmounts["1.1"]
}

// dropinComponents are the components of Drop-In (enum of data.componentList on the page of version 1.6).
var dropinComponents = []string{"CARD", "APPLEPAY", "GOOGLEPAY"}

// dropinSession is the data of a successful answer, with the members in the order of PayerMax's example.
type dropinSession struct {
	ClientKey             string   `json:"clientKey"`
	SessionKey            string   `json:"sessionKey"`
	NotSupportedComponent []string `json:"notSupportedComponent"`
}

// applyDropinSession opens a session of PayerMax's Drop-In components (page "Apply Drop-In Session"). Members that the
// page does not name are ignored, since pages of other versions and products name more.
func applyDropinSession(req *request) (any, *refusal) {
	opened, refused := readDropinSession(req)
	if refused != nil {
		return nil, refused
	}
	components, refused := req.data.texts("componentList")
	if refused != nil {
		return nil, refused
	}
	// The answer must have this member, so it is an empty array rather than null when everything is supported.
	unsupported := []string{}
	for _, component := range components {
		if !slices.Contains(dropinComponents, component) {
			unsupported = append(unsupported, component)
		}
	}
	key := randomKey()
	opened.appID, opened.clientKey = req.merchant.AppID, randomKey()
	if lifetime := req.gateway.SessionLifetime; lifetime > 0 {
		opened.expires = req.gateway.now().Add(lifetime)
	}
	req.world.ledger.open(key, opened)
	return dropinSession{ClientKey: opened.clientKey, SessionKey: key, NotSupportedComponent: unsupported}, nil
}

// readDropinSession checks the members of data that do not affect the answer: first that the required ones are present,
// then each on its own, and the amount last, because it depends on two others.
func readDropinSession(req *request) (*session, *refusal) {
	s, data, rule := new(session), req.data, amountRule(req.env.version)
	if refused := data.require("currency", "country", "userId"); refused != nil {
		return s, refused
	}
	if rule.required && !data.has("totalAmount") && !req.deviations.allow("totalAmount is missing, as in the page's own example") {
		return s, isNull("totalAmount")
	}
	if refused := data.currency("currency"); refused != nil {
		return s, refused
	}
	if refused := data.country("country"); refused != nil {
		return s, refused
	}
	if country, _ := data.str("country"); country == noCountry && !req.deviations.allow("country "+noCountry+", which only orders may have") {
		return s, refuse(codeCountryInvalid)
	}
	s.currency, _ = data.str("currency")
	refused := data.read(
		member{"userId", 1, 64, &s.userID},
		member{"mitType", 0, 64, nil},
		member{"referralCode", 0, 32, nil},
	)
	if refused != nil {
		return s, refused
	}
	if s.futureUse, refused = data.boolean("tokenForFutureUse", req.deviations); refused != nil {
		return s, refused
	}
	if s.manual, refused = data.captureMode(); refused != nil {
		return s, refused
	}
	s.amount, refused = readDropinAmount(rule, data)
	return s, refused
}

// readDropinAmount checks data.totalAmount, once currency and mitType are known to be strings. It returns nil if there
// is no totalAmount.
func readDropinAmount(rule dropinAmount, data object) (*big.Rat, *refusal) {
	if !data.has("totalAmount") {
		return nil, nil
	}
	currency, _ := data.str("currency")
	amount, refused := data.amount("totalAmount", rule.types, currency)
	if refused != nil {
		return nil, refused
	}
	mitType, _ := data.str("mitType")
	if rule.zeroNeedsMIT && amount.Sign() == 0 && mitType == "" {
		return nil, refuse(codeAmountInvalid)
	}
	return amount, nil
}

// randomKey returns 32 hexadecimal digits, like the keys in PayerMax's examples.
func randomKey() string {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails, as crypto/rand documents
	return hex.EncodeToString(key)
}
