// Package grammar reads the blocks of a Caddyfile whose options are data. An option is one
// row: its name, its arguments, what it sets, and an example. The parser, the errors about
// unknown options and docs/configuration.md are all derived from the rows.
package grammar

import (
	"errors"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Option is one option that a block may have. T is the struct that the block sets.
type Option[T any] struct {
	// Name is the option's name in the Caddyfile.
	Name string
	// Args is what follows the name, as the documentation shows it, such as `<path>`. An
	// option without Args takes no value.
	Args string
	// ShortFor is the longer form, if the option is only an abbreviation. Otherwise the doc
	// comments of the fields explain the option.
	ShortFor string
	// Example is for the documentation: one line with the option, or several if one line is
	// not enough.
	Example string
	// PerRequest says that placeholders are expanded for each request. Caddy's directive map
	// may have defined further placeholders for those.
	PerRequest bool
	// AsWritten says that placeholders are not expanded, and are therefore refused.
	AsWritten bool
	// Sets reads what follows the name and sets fields of T.
	Sets Setter[T]
}

// Block lists the options of a block, in the order of the documentation.
type Block[T any] []Option[T]

// Lift turns the options of a part, such as an embedded struct, into options of the whole.
func Lift[T, Part any](block Block[Part], part func(*T) *Part) Block[T] {
	lifted := make(Block[T], len(block))
	for i, o := range block {
		lifted[i] = Option[T]{Name: o.Name, Args: o.Args, ShortFor: o.ShortFor, Example: o.Example, PerRequest: o.PerRequest, AsWritten: o.AsWritten, Sets: Setter[T]{
			set:      func(d *caddyfile.Dispenser, target *T) error { return o.Sets.set(d, part(target)) },
			describe: o.Sets.describe,
			isSecret: o.Sets.isSecret,
		}}
		if check := o.Sets.check; check != nil {
			lifted[i].Sets.check = func(name string, target *T) error { return check(name, part(target)) }
		}
	}
	return lifted
}

// Read reads what follows the name of a directive or global option that takes no arguments: a
// block, which may be omitted.
func (b Block[T]) Read(d *caddyfile.Dispenser, target *T) error {
	if err := NoArgs(d); err != nil {
		return err
	}
	return b.ReadBlock(d, target)
}

// ReadBlock reads a block, which may be omitted.
func (b Block[T]) ReadBlock(d *caddyfile.Dispenser, target *T) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		known, err := b.ReadOption(d, target)
		if err != nil {
			return err
		}
		if !known {
			return b.unrecognized(d)
		}
	}
	return nil
}

// ReadOption reads the option at the dispenser's position, if it is one of the block's
// options.
func (b Block[T]) ReadOption(d *caddyfile.Dispenser, target *T) (known bool, err error) {
	for _, o := range b {
		if o.Name == d.Val() {
			return true, b.place(o.Name, o.read(d, target))
		}
	}
	return false, nil
}

// read reads what follows the name of the option.
func (o Option[T]) read(d *caddyfile.Dispenser, target *T) error {
	values := valuesAhead(d)
	if err := o.refuseVariables(d, values); err != nil {
		return err
	}
	if unexpanded := Unexpanded(values...); o.AsWritten && unexpanded != "" {
		return d.Errf("%s is taken as it is written%s", o.Name, unexpanded)
	}
	switch err := o.Sets.set(d, target); {
	case errors.Is(err, ErrValues):
		return o.wrongValues(d, values)
	case err != nil:
		return err
	}
	if err := o.refuseKeys(d, values); err != nil {
		return err
	}
	return o.refuseBlock(d)
}

// refuseBlock refuses a block that the option has not read: its content would have no effect.
func (o Option[T]) refuseBlock(d *caddyfile.Dispenser) error {
	switch {
	case !d.NextBlock(d.Nesting()):
		return nil
	case o.ShortFor != "":
		return d.Errf("%s takes no block; write %s instead, which may have one", o.Name, o.ShortFor)
	default:
		return d.Errf("%s takes no block", o.Name)
	}
}

// Names lists the names of the options.
func (b Block[T]) Names() []string {
	names := make([]string, len(b))
	for i, o := range b {
		names[i] = o.Name
	}
	return names
}
