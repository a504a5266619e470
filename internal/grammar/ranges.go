package grammar

import (
	"fmt"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Range is the range of an option's values, as they are written, such as from 1ms to 1h. A
// value outside it is certainly a mistake: most often it has the wrong unit or, in JSON, none.
type Range struct{ Least, Most string }

func (r Range) String() string { return "from " + r.Least + " to " + r.Most }

// CheckDuration refuses a duration outside the range. Zero stands for the default.
func (r Range) CheckDuration(name string, value caddy.Duration) error {
	if value == 0 || contains(r, value, parseDuration) {
		return nil
	}
	return fmt.Errorf("%s must be a duration %v, but is %v; in JSON, a number without a unit counts nanoseconds: write a unit, such as %q",
		name, r, time.Duration(value), r.Most)
}

// checkSize refuses a number of bytes outside the range. Zero stands for the default.
func (r Range) checkSize(name string, value int64) error {
	if value == 0 || contains(r, value, parseSize) {
		return nil
	}
	return fmt.Errorf("%s must be a size %v, but is %d bytes", name, r, value)
}

// contains reports whether a value is in a range whose ends are read by parse.
func contains[V ~int64](r Range, value V, parse func(string) (V, bool)) bool {
	least, isLeast := parse(r.Least)
	most, isMost := parse(r.Most)
	return isLeast && isMost && least <= value && value <= most
}

// parserWithin returns a parser that accepts only what is in the range.
func parserWithin[V ~int64](r Range, parse func(string) (V, bool)) func(string) (V, bool) {
	return func(text string) (V, bool) {
		value, ok := parse(text)
		return value, ok && contains(r, value, parse)
	}
}

// ParseDuration reads a duration within the range.
func (r Range) ParseDuration(text string) (caddy.Duration, bool) {
	return parserWithin(r, parseDuration)(text)
}

var (
	number = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?$`)
	zero   = regexp.MustCompile(`^[0.,]+[a-zA-Z]*$`)
)

// AboutUnit says what to write in place of a quantity that is no value of an option, as a
// suffix for the error about it: a number without a unit, or zero, which does not switch
// an option off.
func AboutUnit(text string) string {
	switch {
	case zero.MatchString(text):
		return "; leave the option out to get its default"
	case number.MatchString(text):
		return "; write a unit after the number"
	}
	return ""
}

// Check refuses values outside the ranges of the options, such as those that were set in
// JSON and have not passed the parser.
func (b Block[T]) Check(target *T) error {
	for _, o := range b {
		if o.Sets.check == nil {
			continue
		}
		if err := o.Sets.check(o.Name, target); err != nil {
			return err
		}
	}
	return nil
}
