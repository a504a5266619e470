package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"math/big"
	"regexp"
	"slices"
)

// dropinAmount is what the pages of one version say of data.totalAmount.
type dropinAmount struct {
	required bool

	// types are the JSON types it may have; the first is the one that a refusal asks for.
	types []string

	// zeroNeedsMIT says that 0 is allowed only together with mitType.
	zeroNeedsMIT bool
}

// dropinAmounts are the versions' rules for data.totalAmount, on which PayerMax's pages differ: the Chinese ones (1.4,
// 1.6) have an optional string, the English one (1.5) a required number. Version 1.1 has no page left, only examples,
// which omit the member or send a string; a number, which the English page prints beside one of them, is taken too.
var dropinAmounts = map[string]dropinAmount{
	"1.1": {types: []string{"string", "number"}},
	"1.4": {types: []string{"string"}, zeroNeedsMIT: true},
	"1.5": {required: true, types: []string{"number"}},
	"1.6": {types: []string{"string"}, zeroNeedsMIT: true},
}

var (
	currencyShape = regexp.MustCompile(`^[A-Z]{3}$`)
	countryShape  = regexp.MustCompile(`^[A-Z]{2}$`)
)

// dropinComponents are the components that Drop-In has (enum of data.componentList on the page of version 1.6).
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
	opened, refused := readDropinSession(req.env.version, req.data)
	if refused != nil {
		return nil, refused
	}
	components, refused := req.data.texts("componentList")
	if refused != nil {
		return nil, refused
	}
	// The member is required in the answer, so it is an empty array rather than null when everything is supported.
	unsupported := []string{}
	for _, component := range components {
		if !slices.Contains(dropinComponents, component) {
			unsupported = append(unsupported, component)
		}
	}
	key := randomKey()
	opened.appID = req.merchant.AppID
	req.world.ledger.open(key, opened)
	return dropinSession{ClientKey: randomKey(), SessionKey: key, NotSupportedComponent: unsupported}, nil
}

// readDropinSession judges the members of data that the answer does not depend on: first that the required ones are
// there, then each by itself, and the amount last because it depends on two others.
func readDropinSession(version string, data object) (session, *refusal) {
	var s session
	required := []string{"currency", "country", "userId"}
	if dropinAmounts[version].required {
		required = append(required, "totalAmount")
	}
	if refused := data.require(required...); refused != nil {
		return s, refused
	}
	if refused := data.matches("currency", currencyShape, codeCurrencyInvalid); refused != nil {
		return s, refused
	}
	if refused := data.matches("country", countryShape, codeCountryInvalid); refused != nil {
		return s, refused
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
	if s.futureUse, refused = data.boolean("tokenForFutureUse"); refused != nil {
		return s, refused
	}
	if s.manual, refused = data.captureMode(); refused != nil {
		return s, refused
	}
	s.amount, refused = readDropinAmount(dropinAmounts[version], data)
	return s, refused
}

// readDropinAmount judges data.totalAmount, once currency and mitType are known to be strings. It returns nil when there
// is none.
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

// randomKey returns 32 hexadecimal digits, which is what the keys in PayerMax's examples look like.
func randomKey() string {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails, as crypto/rand documents
	return hex.EncodeToString(key)
}
