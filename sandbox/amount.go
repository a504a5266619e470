package sandbox

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
)

// amountShape is a decimal number as JSON writes it. It bounds the exponent, since the value of 1e999999999 would have to
// be written out to be judged.
var amountShape = regexp.MustCompile(`^-?\d+(\.\d+)?([eE][+-]?\d)?$`)

// maxAmountText bounds the text of an amount, far above what any currency needs: arithmetic on a megabyte of digits
// would take seconds.
const maxAmountText = 32

// amountDecimals holds the currencies whose decimals the page "applyDropinSession" restricts (note on totalAmount). The
// decimals of all other currencies are not judged.
var amountDecimals = map[string]int64{
	"BHD": 2, "KWD": 2, "JOD": 2, "OMR": 2, "TND": 2,
	"IDR": 0, "TWD": 0, "KRW": 0, "VND": 0, "CLP": 0, "PKR": 0, "COP": 0, "JPY": 0, "ISK": 0, "PYG": 0,
}

// amount returns an amount member, which must be there, of one of the given JSON types, and no more precise than its
// currency. The value is judged, not its spelling: 100.00 has no decimals. It is in the currency's major unit.
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
	value, _ := new(big.Rat).SetString(text) // the shape has made sure that it can be read
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

// number writes an amount as a JSON number with all of its decimals and no more.
func number(value *big.Rat) json.Number {
	decimals, _ := value.FloatPrec()
	return json.Number(value.FloatString(decimals))
}
