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

	// Currency is the ISO 4217 code of the currency.
	Currency string

	// Value is the exact amount in the currency's major unit. It is never negative.
	Value *big.Rat
}

// AmountError says which amount is in doubt.
type AmountError struct {
	// Field is the RFC 6901 JSON Pointer of the member in the request body that must be
	// changed, such as /data/refundAmount. It is built from the tables only, never from the
	// request.
	Field string

	// Message is one sentence. It begins with the row of PayerMax's table and repeats no
	// value.
	Message string
}

// Error returns the message.
func (e *AmountError) Error() string { return e.Message }

// inDoubt makes an error about a row. The sentence continues after the row's name.
func inDoubt(row, sentence string, args ...any) *AmountError {
	return &AmountError{Field: rowPointer(row), Message: row + " " + fmt.Sprintf(sentence, args...)}
}

// rowPointer writes a row outside of arrays as a JSON Pointer.
func rowPointer(row string) string { return "/" + strings.ReplaceAll(row, ".", "/") }

// maxAmountLength bounds the literal of an amount that Amounts reads, in bytes. PayerMax's
// own columns hold 20 digits.
const maxAmountLength = 64

// MovesMoney reports whether a request of this endpoint moves money or authorises a later
// transfer, that is, whether Amounts can find any.
func (s *RuleSet) MovesMoney() bool { return s.data.members.movesMoney() }

// Amounts returns every amount in data that the request would move, or authorise
// to be moved later by a subscription, in the order of PayerMax's table.
//
// It does not rely on Validate, which may be switched off: data may break any rule that does
// not concern money. Whatever concerns money must be beyond doubt, or the result is an error,
// so that a ceiling on amounts fails closed. It is an error if
//
//   - an amount is absent or null, is neither a number nor a plain decimal in a string, is
//     negative, has more than 64 characters or an exponent beyond ±308, or has no currency in
//     use beside it;
//   - a name could be taken for that of an amount, of its currency, or of an object around
//     them;
//   - data is not a JSON object without duplicate names.
//
// Only an amount that another call moves may be absent: the totalAmount of
// applyDropinSession, and the amounts of a plan that is not sent or begins elsewhere.
//
// The error is an [*AmountError].
func (s *RuleSet) Amounts(data []byte) ([]Amount, error) {
	if !s.MovesMoney() {
		return nil, nil
	}
	amounts, problem := appendAmounts(nil, &s.data, s.data.name, jsontext.Value(data))
	if problem != nil {
		return nil, problem
	}
	return amounts, nil
}

// appendAmounts collects the amounts of one object. row is the object's name as in PayerMax's
// tables.
func appendAmounts(amounts []Amount, f *field, row string, raw jsontext.Value) ([]Amount, *AmountError) {
	if raw.Kind() != '{' {
		return nil, inDoubt(row, "must be a JSON object; the amounts in it are not understood")
	}
	m, err := readObject(f.members, nil, raw)
	if err != nil {
		return nil, inDoubt(row, "must be valid JSON without duplicate names; the amounts in it are not understood")
	}
	for _, l := range m.lookAlikes {
		if f.members.money[l.field] {
			return nil, inDoubt(row+"."+f.members.fields[l.field].name,
				`must be spelt exactly like this; a member differs from it only in letter case, spaces, "_" or "-"`)
		}
	}
	for i := range f.members.fields {
		inner := &f.members.fields[i]
		if !f.members.money[i] {
			continue
		}
		row := row + "." + inner.name
		var problem *AmountError
		switch {
		case !m.has(inner.name):
			if inner.leavesOpen(m) {
				problem = inDoubt(row, "is missing or null, so nothing bounds what the request would move; send %s", inner.wanted())
			}
		case inner.members != nil:
			amounts, problem = appendAmounts(amounts, inner, row, m.values[i])
		case inner.moves != "":
			amounts, problem = appendAmount(amounts, inner, row, m)
		}
		if problem != nil {
			return nil, problem
		}
	}
	return amounts, nil
}

// leavesOpen reports whether it is uncertain what a request moves without the field. An
// amount of an object that was sent must never be missing, whatever its table says: PayerMax
// would insert an amount that no one here has seen.
func (f *field) leavesOpen(siblings *members) bool {
	switch {
	case f.moves != "":
		return !f.announced
	case f.members != nil:
		_, needed := f.needed(siblings)
		return needed
	default:
		return false // a currency, which is checked with its amount
	}
}

// appendAmount reads one amount and the currency beside it.
func appendAmount(amounts []Amount, f *field, row string, siblings *members) ([]Amount, *AmountError) {
	value, err := exactAmount(siblings.value(f.name))
	if err != nil {
		return nil, inDoubt(row, "%v", err)
	}
	code := string(siblings.text(f.moves))
	if _, ok := currencyDecimals[code]; !ok {
		problem := inDoubt(row, "must have the ISO 4217 code of a currency in use beside it, in %s", f.moves)
		problem.Field = rowPointer(strings.TrimSuffix(row, f.name) + f.moves)
		return nil, problem
	}
	return append(amounts, Amount{Field: rowPointer(row), Currency: code, Value: value}), nil
}

// What an amount must be, as errors that complete a sentence.
var (
	errAmountKind     = errors.New("must be a number, or a plain decimal in a string")
	errAmountLength   = fmt.Errorf("must have at most %d characters", maxAmountLength)
	errAmountExponent = fmt.Errorf("must not have an exponent beyond ±%d", maxExponent)
	errAmountNegative = errors.New("must not be negative")
)

// exactAmount reads an amount without rounding it. Its allocations are bounded: the digits by
// the literal's length, the zeros by the exponent.
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
