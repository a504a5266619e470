package validate

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Amount is an amount of money that a request would move.
type Amount struct {
	// Field is the RFC 6901 JSON Pointer of the amount in the request body, such
	// as /data/totalAmount.
	Field string

	// Currency is the ISO 4217 code beside it.
	Currency string

	// Value is the exact amount in the currency's major unit; it is never
	// negative.
	Value *big.Rat
}

// maxAmountLength bounds the literal of an amount that Amounts reads, in bytes.
// PayerMax's own columns hold 20 digits.
const maxAmountLength = 64

// MovesMoney reports whether a request of this endpoint moves money, or
// authorises that it is moved: whether Amounts can find any.
func (s *RuleSet) MovesMoney() bool { return s.data.members.movesMoney() }

// Amounts returns every amount in data that the request would move, or authorise
// to be moved later by a subscription, in the order of PayerMax's table. An
// amount that is absent or null is not among them.
//
// It does not rely on Validate, which may be switched off: data may break any
// rule that is not about money. What is about money must be beyond doubt, or the
// result is an error, so that a ceiling on amounts fails closed: an amount that
// is neither a number nor a plain decimal in a string, is negative, has more than
// 64 characters or an exponent beyond ±308, or has no currency in use beside it;
// a name that could be taken for that of an amount, of its currency or of an
// object around them; and data that is no JSON object without duplicate names.
//
// The error names the row, never a value.
func (s *RuleSet) Amounts(data []byte) ([]Amount, error) {
	if !s.MovesMoney() {
		return nil, nil
	}
	return appendAmounts(nil, &s.data, s.data.name, jsontext.Value(data))
}

// appendAmounts collects the amounts of one object. The row is the object's name
// as PayerMax's tables write it.
func appendAmounts(amounts []Amount, f *field, row string, raw jsontext.Value) ([]Amount, error) {
	if raw.Kind() != '{' {
		return nil, fmt.Errorf("%s must be a JSON object; the amounts in it are not understood", row)
	}
	m, err := readObject(f.members, nil, raw)
	if err != nil {
		return nil, fmt.Errorf("%s must be valid JSON without duplicate names; the amounts in it are not understood", row)
	}
	for _, l := range m.lookAlikes {
		if f.members.money[l.field] {
			return nil, fmt.Errorf(`%s.%s must be written exactly so; a member differs from it only in letter case, spaces, "_" or "-"`,
				row, f.members.fields[l.field].name)
		}
	}
	for i := range f.members.fields {
		inner := &f.members.fields[i]
		if !f.members.money[i] || !m.has(inner.name) {
			continue
		}
		row := row + "." + inner.name
		switch {
		case inner.members != nil:
			if amounts, err = appendAmounts(amounts, inner, row, m.values[i]); err != nil {
				return nil, err
			}
		case inner.moves != "":
			value, err := exactAmount(m.values[i])
			if err != nil {
				return nil, fmt.Errorf("%s %w", row, err)
			}
			code := string(m.text(inner.moves))
			if _, ok := currencyDecimals[code]; !ok {
				return nil, fmt.Errorf("%s must have the ISO 4217 code of a currency in use beside it, in %s", row, inner.moves)
			}
			amounts = append(amounts, Amount{Field: "/" + strings.ReplaceAll(row, ".", "/"), Currency: code, Value: value})
		}
	}
	return amounts, nil
}

// What an amount must be to be understood, as errors that complete a sentence.
var (
	errAmountKind     = errors.New("must be a number, or a plain decimal in a string")
	errAmountLength   = fmt.Errorf("must have at most %d characters", maxAmountLength)
	errAmountExponent = fmt.Errorf("must not have an exponent beyond ±%d", maxExponent)
	errAmountNegative = errors.New("must not be negative")
)

// exactAmount reads an amount without rounding it. What it allocates is bounded:
// the digits by the literal's length, the zeros by the exponent.
func exactAmount(raw jsontext.Value) (*big.Rat, error) {
	literal := []byte(raw)
	switch raw.Kind() {
	case '0':
	case '"':
		if literal = content(raw); !isPlainDecimal(literal) {
			return nil, errAmountKind
		}
	default:
		return nil, errAmountKind
	}
	if len(literal) > maxAmountLength {
		return nil, errAmountLength
	}
	switch a, ok := parseAmount(literal); {
	case !ok:
		return nil, errAmountExponent
	case a.negative:
		return nil, errAmountNegative
	}
	value, ok := new(big.Rat).SetString(string(literal))
	if !ok {
		return nil, errAmountKind
	}
	return value, nil
}
