package validate

import (
	"fmt"
	"slices"
	"strings"
)

// Contract is what the merchant's contract with PayerMax covers. PayerMax refuses everything
// else anyway, with one CONTRACT_INVALID per round trip. A contract in the config refuses it
// before it is signed, whatever the application asks for.
//
// An empty list covers everything.
type Contract struct {
	// Currencies are ISO 4217 codes, such as "IDR".
	Currencies []string

	// Countries are ISO 3166-1 alpha-2 codes, such as "ID", and "UN" for orders that name no
	// particular country.
	Countries []string

	// Components are PayerMax's payment method types, such as "CARD": those that
	// a Drop-In session may show, and those that an order may name.
	Components []string
}

// part is a part of a contract.
type part uint8

const (
	anything part = iota
	currencies
	countries
	components
)

// String completes "must be one of the ... that the contract covers".
func (p part) String() string {
	return [...]string{"values", "currencies", "countries", "payment method types"}[p]
}

// words returns what a part of the contract covers; empty means everything.
func (c *Contract) words(p part) []string {
	switch p {
	case currencies:
		return c.Currencies
	case countries:
		return c.Countries
	case components:
		return c.Components
	default:
		return nil
	}
}

// Within returns rules that also refuse what the contract does not cover, with the rule
// "contract". The original rules stay unchanged; if they had a contract, the new one replaces
// it. Use Check to find out whether the contract's words make sense.
func (s *RuleSet) Within(c Contract) *RuleSet {
	return &RuleSet{data: s.data, contract: Contract{
		Currencies: slices.Clone(c.Currencies),
		Countries:  slices.Clone(c.Countries),
		Components: slices.Clone(c.Components),
	}}
}

// Check reports the first word that makes no sense: a currency or a country that no request
// could name, or a component that is not written in PayerMax's capitals. The error quotes the
// word, which comes from the config.
func (c Contract) Check() error {
	for _, code := range c.Currencies {
		if _, ok := currencyDecimals[code]; ok {
			continue
		}
		if successor, ok := withdrawn[code]; ok {
			return fmt.Errorf("currency %q has been replaced; use %s", code, successor)
		}
		return fmt.Errorf("currency %q is not an ISO 4217 code of a currency in use; use 3 capital letters such as IDR", code)
	}
	for _, code := range c.Countries {
		if code != noCountry && !(isCapitals([]byte(code), 2) && isCountry(code)) {
			return fmt.Errorf("country %q is no ISO 3166-1 alpha-2 code; use 2 capital letters such as ID, or GB for the United Kingdom", code)
		}
	}
	for _, word := range c.Components {
		if !isMethodType(word) {
			return fmt.Errorf("component %q is not a payment method type; use PayerMax's capitals, such as CARD, APPLEPAY or GOOGLEPAY", word)
		}
	}
	return nil
}

// isMethodType reports whether a word has the form of PayerMax's payment method types: CARD,
// BANK_TRANSFER. PayerMax adds types over time, so there is no list of them here.
func isMethodType(word string) bool {
	for _, c := range []byte(word) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return word != ""
}

// covered reports a valid value that the contract does not cover. The message may quote the
// contract's words, since they come from the config.
func (w *walker) covered(v value) {
	words := w.contract.words(v.field.covered)
	if len(words) == 0 || len(v.content) == 0 || slices.Contains(words, string(v.content)) {
		return
	}
	w.report(ruleContract, "must be one of the %s that the contract covers: %s",
		v.field.covered, strings.Join(words, ", "))
}
