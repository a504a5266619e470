package validate

import (
	"maps"

	"golang.org/x/text/currency"
)

// payerMaxDecimals holds PayerMax's own exceptions to ISO 4217, which are applied last and
// take precedence. They are listed with data.totalAmount on the applyDropinSession page
// (version 1.5), except IQD and LYD, which are in the same sentence of the refund page
// (version 1.4).
var payerMaxDecimals = map[string]int{
	// "the local currency does not support decimal amounts"
	"IDR": 0, "TWD": 0, "KRW": 0, "VND": 0, "CLP": 0,
	"PKR": 0, "COP": 0, "JPY": 0, "ISK": 0, "PYG": 0,

	// "the local currency only supports two decimal places"
	"BHD": 2, "KWD": 2, "JOD": 2, "OMR": 2, "TND": 2,
	"IQD": 2, "LYD": 2,
}

// isoDecimals corrects golang.org/x/text/currency where it differs from ISO 4217. Its data is
// from CLDR 32 (2017). CLDR gives the decimals that people use in shops, and drops minor
// units that inflation has made worthless. ISO 4217 keeps them, and payment systems follow
// ISO 4217.
var isoDecimals = map[string]int{
	// CLDR: 0.
	"AFN": 2, "ALL": 2, "AMD": 2, "COP": 2, "GYD": 2, "IDR": 2, "IRR": 2,
	"KPW": 2, "LAK": 2, "LBP": 2, "MGA": 2, "MMK": 2, "MNT": 2, "MUR": 2,
	"PKR": 2, "RSD": 2, "SOS": 2, "SYP": 2, "TZS": 2, "UZS": 2, "YER": 2,
	"IQD": 3,

	// Newer than CLDR 32, or in ISO 4217 without being tender in CLDR.
	"MRU": 2, // Mauritania, replaced MRO in 2018
	"VES": 2, // Venezuela, replaced VEF in 2018
	"VED": 2, // Venezuela, second code of the bolívar since 2021
	"SLE": 2, // Sierra Leone, replaced SLL from 2022 on
	"ZWG": 2, // Zimbabwe, replaced ZWL in 2024
	"XCG": 2, // Curaçao and Sint Maarten, replaced ANG in 2025
	"SVC": 2, // El Salvador, listed beside USD
}

// withdrawn maps currencies that golang.org/x/text/currency still considers legal tender, but
// ISO 4217 has moved to its list of historic denominations, to their successors. Only
// undisputed withdrawals belong here: the gateway refuses a withdrawn currency itself, but a
// wrong refusal here has no remedy.
var withdrawn = map[string]string{
	"ANG": "XCG", // Curaçao and Sint Maarten, tender until 2025-06-30
	"BGN": "EUR", // Bulgaria, 2026-01-01 (amendment 180)
	"CUC": "CUP", // Cuba, 2021-06 (amendment 178)
	"HRK": "EUR", // Croatia, 2023-01-01
	"MRO": "MRU", // Mauritania, 2018
	"SLL": "SLE", // Sierra Leone, tender until 2024-03-31
	"VEF": "VES", // Venezuela, 2018-08-20
}

// currencyDecimals maps every currency in use to the number of decimals that PayerMax accepts
// in it.
var currencyDecimals = buildCurrencyDecimals()

// buildCurrencyDecimals applies PayerMax's exceptions to ISO 4217. It includes only legal
// tender, so funds, metals and test codes (XDR, XAU, XTS, XXX) are left out.
func buildCurrencyDecimals() map[string]int {
	decimals := make(map[string]int)
	for tender := currency.Query(); tender.Next(); {
		scale, _ := currency.Standard.Rounding(tender.Unit())
		decimals[tender.Unit().String()] = scale
	}
	maps.Copy(decimals, isoDecimals)
	for code := range withdrawn {
		delete(decimals, code)
	}
	maps.Copy(decimals, payerMaxDecimals)
	return decimals
}

// Decimals returns how many decimals PayerMax accepts in a currency: those of ISO 4217, or
// PayerMax's own. ok is false if the code is not that of a currency in use.
func Decimals(currency string) (decimals int, ok bool) {
	decimals, ok = currencyDecimals[currency]
	return decimals, ok
}

// currencyCode judges an ISO 4217 code. Which currencies a merchant may use depends on the
// contract, not on this table.
var currencyCode = &check{
	rules: []string{rulePattern, ruleCurrency},
	judge: func(w *walker, v value) {
		code := v.content
		if !isCapitals(code, 3) {
			w.report(rulePattern, `must be 3 capital letters, such as "IDR"`)
			return
		}
		if _, ok := currencyDecimals[string(code)]; ok {
			return
		}
		if successor, ok := withdrawn[string(code)]; ok {
			w.report(ruleCurrency, "must be a currency in use, and %s has been replaced; send %s", code, successor)
			return
		}
		w.report(ruleCurrency, `must be an ISO 4217 currency in use, and %s is not one; send a code such as "IDR"`, code)
	},
}

// isCapitals reports whether code consists of n letters from A to Z.
func isCapitals(code []byte, n int) bool {
	for _, c := range code {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(code) == n
}
