package sandbox

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
)

// amountShape matches a decimal number in JSON's syntax. It bounds the exponent, since 1e999999999 would have to be
// written out in full to be checked.
var amountShape = regexp.MustCompile(`^-?\d+(\.\d+)?([eE][+-]?\d)?$`)

// maxAmountText bounds the text of an amount, far above what any currency needs: arithmetic on a megabyte of digits
// would take seconds.
const maxAmountText = 32

// amountDecimals holds the currencies whose number of decimals the page "applyDropinSession" restricts (note on
// totalAmount). The decimals of all other currencies are not checked.
var amountDecimals = map[string]int64{
	"BHD": 2, "KWD": 2, "JOD": 2, "OMR": 2, "TND": 2,
	"IDR": 0, "TWD": 0, "KRW": 0, "VND": 0, "CLP": 0, "PKR": 0, "COP": 0, "JPY": 0, "ISK": 0, "PYG": 0,
}

// amount returns the value of an amount member, in the currency's major unit. The member must be present, have one of
// the given JSON types, and be no more precise than its currency. The value counts, not its spelling: 100.00 has no
// decimals.
func (o object) amount(name string, types []string, currency string) (*big.Rat, *refusal) {
	kind := typeOf(o[name])
	if !slices.Contains(types, kind) {
		return nil, wrongType(name, types[0], kind)
	}
	text := string(o[name])
	if kind == "string" {
		text, _ = o.str(name)
	}
	if len(text) > maxAmountText || !amountShape.MatchString(text) {
		return nil, refuse(codeAmountInvalid)
	}
	value, _ := new(big.Rat).SetString(text) // cannot fail: the text matches amountShape
	if value.Sign() < 0 || !suits(value, currency) {
		return nil, refuse(codeAmountInvalid)
	}
	return value, nil
}

// suits reports whether value has no more decimals than its currency allows.
func suits(value *big.Rat, currency string) bool {
	decimals, restricted := amountDecimals[currency]
	if !restricted {
		return true
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(decimals), nil)
	return new(big.Rat).Mul(value, new(big.Rat).SetInt(unit)).IsInt()
}

// number formats an amount as a JSON number with all of its decimals and no trailing zeros.
func number(value *big.Rat) json.Number {
	decimals, _ := value.FloatPrec()
	return json.Number(value.FloatString(decimals))
}
