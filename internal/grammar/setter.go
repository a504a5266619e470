package grammar

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// Setter reads what follows the name of an option, and sets fields of T.
type Setter[T any] struct {
	// set starts with the dispenser at the name of the option.
	set func(d *caddyfile.Dispenser, target *T) error
	// describe records in a row which fields are set.
	describe func(*Row)
	// check refuses a value of the field outside its range, or is nil. name is the option's.
	check func(name string, target *T) error
	// isSecret says that the value is a placeholder for a secret, which must not be in the
	// config itself.
	isSecret bool
}

// By sets fields with the caller's function, which starts with the dispenser at the name of
// the option. Each of fields returns the address of a field.
func By[T any](set func(d *caddyfile.Dispenser, target *T) error, fields ...func(*T) any) Setter[T] {
	return Setter[T]{set: set, describe: func(row *Row) {
		row.Of, row.Fields = reflect.TypeFor[T](), fieldsAt(fields)
	}}
}

// Into sets one field with the caller's function.
func Into[T, V any](field func(*T) *V, set func(d *caddyfile.Dispenser, target *V) error) Setter[T] {
	return By(
		func(d *caddyfile.Dispenser, target *T) error { return set(d, field(target)) },
		func(target *T) any { return field(target) },
	)
}

// Text sets a field to the only argument.
func Text[T any](field func(*T) *string) Setter[T] { return Into(field, text) }

// Placeholder sets a field to the only argument, which must be a placeholder and not the
// secret itself.
func Placeholder[T any](field func(*T) *string) Setter[T] {
	setter := Into(field, placeholder)
	setter.isSecret = true
	return setter
}

// Path sets a field to the only argument, the path of a key file.
func Path[T any](field func(*T) *string) Setter[T] { return Into(field, path) }

// Paths appends the arguments, which are paths of files, to a field. The option may be
// repeated.
func Paths[T any](field func(*T) *[]string) Setter[T] { return Into(field, paths) }

// Names appends the arguments to a field. The option may be repeated.
func Names[T any](field func(*T) *[]string) Setter[T] { return Into(field, separateNames) }

// Size sets a field to a number of bytes within the range, written like 64KiB.
func Size[T any](field func(*T) *int64, within Range) Setter[T] {
	setter := measure(field, within, "a size %v, such as 64KiB", parseSize)
	setter.check = func(name string, target *T) error { return within.checkSize(name, *field(target)) }
	return setter
}

// Duration sets a field to a duration within the range, written like 30s.
func Duration[T any](field func(*T) *caddy.Duration, within Range) Setter[T] {
	setter := measure(field, within, "a duration %v, such as 30s", parseDuration)
	setter.check = func(name string, target *T) error { return within.CheckDuration(name, *field(target)) }
	return setter
}

// measure sets a field to a number with a unit within the range, which expected shows.
func measure[T any, V ~int64](field func(*T) *V, within Range, expected string, parse func(text string) (value V, ok bool)) Setter[T] {
	number := parsed(field, fmt.Sprintf(expected, within), parserWithin(within, parse), AboutUnit)
	return Setter[T]{set: number.set, describe: func(row *Row) {
		number.describe(row)
		row.Within = &within
	}}
}

// Factor sets a field to a positive number.
func Factor[T any](field func(*T) *float64) Setter[T] {
	return Parsed(field, "a positive number such as 1000", parseFactor)
}

// Parsed sets a field to the result of parse for the only argument. If that is not ok, the
// error says what was expected.
func Parsed[T any, V comparable](field func(*T) *V, expected string, parse func(text string) (value V, ok bool)) Setter[T] {
	return parsed(field, expected, parse, func(string) string { return "" })
}

// parsed is [Parsed], with what about adds to the error about a text.
func parsed[T any, V comparable](field func(*T) *V, expected string, parse func(text string) (value V, ok bool), about func(text string) string) Setter[T] {
	return Into(field, func(d *caddyfile.Dispenser, target *V) error {
		name := d.Val()
		var unset V
		var text string
		if err := Once(d, *target != unset, &text); err != nil {
			return err
		}
		value, ok := parse(text)
		if !ok {
			return d.Errf("%s must be %s, but is %s%s%s", name, expected, Shown(text), Unexpanded(text), about(text))
		}
		*target = value
		return nil
	})
}

// Flag sets a field to true. The option takes no arguments.
func Flag[T any](field func(*T) *bool) Setter[T] { return Into(field, flag) }

func text(d *caddyfile.Dispenser, target *string) error { return Once(d, *target != "", target) }

func placeholder(d *caddyfile.Dispenser, target *string) error {
	name := d.Val()
	if err := text(d, target); err != nil {
		return err
	}
	// It is also refused when the config is loaded, but by then Caddy may have logged it.
	if err := CheckPlaceholder(*target); err != nil {
		return d.Errf("%s: %w", name, err)
	}
	return nil
}

func path(d *caddyfile.Dispenser, target *string) error {
	name := d.Val()
	if err := text(d, target); err != nil {
		return err
	}
	return CheckPaths(d, name, *target)
}

func paths(d *caddyfile.Dispenser, target *[]string) error {
	name := d.Val()
	if err := names(d, target); err != nil {
		return err
	}
	return CheckPaths(d, name, *target...)
}

func names(d *caddyfile.Dispenser, target *[]string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return ErrValues
	}
	*target = append(*target, args...)
	return nil
}

// separateNames refuses a list in one value, as an environment variable may have it.
func separateNames(d *caddyfile.Dispenser, target *[]string) error {
	name := d.Val()
	if err := names(d, target); err != nil {
		return err
	}
	if slices.ContainsFunc(*target, isList) {
		return d.Errf("%s: one value is a list; write several values with spaces between them, without commas, and without quotes around them", name)
	}
	return nil
}

func isList(value string) bool { return strings.Contains(value, ",") || len(strings.Fields(value)) > 1 }

func flag(d *caddyfile.Dispenser, target *bool) error {
	if d.NextArg() {
		return ErrValues
	}
	*target = true
	return nil
}

func parseSize(text string) (int64, bool) {
	size, err := humanize.ParseBytes(text)
	return int64(size), err == nil && size > 0 && size <= math.MaxInt64
}

func parseDuration(text string) (caddy.Duration, bool) {
	duration, err := caddy.ParseDuration(text)
	return caddy.Duration(duration), err == nil && duration > 0
}

func parseFactor(text string) (float64, bool) {
	factor, err := strconv.ParseFloat(text, 64)
	return factor, err == nil && factor > 0 && !math.IsInf(factor, 0)
}
