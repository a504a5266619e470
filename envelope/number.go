package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// maxExponent is the largest absolute value of a number's exponent. It fits an IEEE 754
// double, the range that RFC 8259, section 6, calls interoperable. A number with a larger
// exponent has only a few bytes here, but could take gigabytes in a receiver that expands
// it.
const maxExponent = 308

// maxNumberLength is how many characters a number may have. Jackson has refused longer
// numbers since 2.15 (StreamReadConstraints.DEFAULT_MAX_NUM_LEN), and Python refuses
// integers of more than 4300 digits.
const maxNumberLength = 1000

// number returns an error if parsers could read the number differently.
func (r *reader) number(value jsontext.Value) error {
	field := r.field()
	switch {
	case !exponentInRange(value):
		return &Error{Field: field, Rule: "number", Message: fmt.Sprintf(
			"%s has an exponent beyond %d; write the number without an exponent", dotted(field), maxExponent)}
	case len(value) > maxNumberLength || !isFinite(value):
		return &Error{Field: field, Rule: "number", Message: fmt.Sprintf(
			"%s is a number that many parsers cannot hold; send it as a string", dotted(field))}
	case r.decides && !survivesDouble(value):
		return &Error{Field: field, Rule: "number", Message: fmt.Sprintf(
			"%s has more digits than parsers that read numbers as doubles can keep; send it with at most 15 digits", dotted(field))}
	}
	return nil
}

// exponentInRange reports whether the exponent of a JSON number, if it has one, is
// between -maxExponent and maxExponent.
func exponentInRange(number []byte) bool {
	i := bytes.IndexAny(number, "eE")
	if i < 0 {
		return true
	}
	exponent, err := strconv.Atoi(string(number[i+1:]))
	return err == nil && -maxExponent <= exponent && exponent <= maxExponent
}

// isFinite reports whether the number, read into a double, does not become infinite.
func isFinite(number []byte) bool {
	if len(number) < maxExponent && !bytes.ContainsAny(number, "eE") {
		return true
	}
	_, err := strconv.ParseFloat(string(number), 64)
	return !errors.Is(err, strconv.ErrRange)
}

// survivesDouble reports whether parsers that read the number into a double, as those of
// JavaScript, Go and PHP do, get the same number as parsers that keep its digits.
func survivesDouble(number []byte) bool {
	if len(number) <= doubleDigits && !bytes.ContainsAny(number, "eE") {
		return true
	}
	double, err := strconv.ParseFloat(string(number), 64)
	if err != nil {
		return false
	}
	exact, _ := new(big.Rat).SetString(string(number))
	again, _ := new(big.Rat).SetString(strconv.FormatFloat(double, 'g', -1, 64))
	return exact != nil && exact.Cmp(again) == 0
}

// doubleDigits is how many digits of any decimal number a double keeps.
const doubleDigits = 15
