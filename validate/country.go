package validate

import (
	"strings"

	"golang.org/x/text/language"
)

// notAssigned lists the codes that golang.org/x/text/language considers countries, but ISO
// 3166-1 does not assign to one. CLDR keeps them to read old data. XK (Kosovo) is
// deliberately not in the list: ISO 3166-1 leaves it to its users, and banks, card networks
// and the European Union use it.
const notAssigned = "" +
	// Withdrawn because the country, or its name, no longer exists.
	"AN BU CS CT DD DY FQ FX HV JT MI NH NQ NT PC PU PZ RH SU TP VD WK YD YU ZR " +
	// Reserved on request, for postal, customs or monetary use.
	"AC CP CQ DG EA EZ IC TA UK UN"

// countryCode judges an ISO 3166-1 alpha-2 code. PayerMax has no rule that ties it to the
// currency: if the two differ, the cashier follows the currency.
var countryCode = &check{
	rules: []string{rulePattern, ruleCountry},
	judge: func(w *walker, v value) {
		switch {
		case !isCapitals(v.content, 2):
			w.report(rulePattern, `must be 2 capital letters, such as "ID"`)
		case !isCountry(string(v.content)):
			w.report(ruleCountry, `must be a country's ISO 3166-1 alpha-2 code; send one such as "ID", or "GB" for the United Kingdom`)
		}
	},
}

// noCountry is what PayerMax writes if no particular country is meant: in notifications, and
// in an order of its own subscription guide for Drop-In.
const noCountry = "UN"

// countryOfOrder is countryCode for orders, which need not name a particular country.
var countryOfOrder = &check{
	rules: countryCode.rules,
	judge: func(w *walker, v value) {
		if string(v.content) != noCountry {
			countryCode.judge(w, v)
		}
	},
}

// isCountry reports whether two capital letters are an assigned code.
func isCountry(code string) bool {
	region, err := language.ParseRegion(code)
	return err == nil && region.IsCountry() && !strings.Contains(notAssigned, code)
}
