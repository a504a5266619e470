package grammar

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// unrecognizedError is about an option that is not one of the block's. The blocks around it
// may know where it belongs.
type unrecognizedError struct {
	at   caddyfile.Dispenser // where the option stands
	name string
	// belongs says in which block the option has its place, or is "".
	belongs string
	// otherwise is what to say if that is not known.
	otherwise string
}

// Error says it as Caddy does for its own directives, and what to write instead.
func (e *unrecognizedError) Error() string {
	return e.at.Errf("unrecognized subdirective %s; %s", NameOrNot(e.name), cmp.Or(e.belongs, e.otherwise)).Error()
}

// unrecognized is the error about the option that the dispenser stands on.
func (b Block[T]) unrecognized(d *caddyfile.Dispenser) error {
	return &unrecognizedError{
		at: *d, name: d.Val(), belongs: b.belongs(d.Val()),
		otherwise: cmp.Or(b.meant(d.Val()), "expected one of "+strings.Join(b.Names(), ", ")),
	}
}

// Hint says what was probably meant by an option that is not one of the block's, or where
// it belongs. It is "" if that is not known.
func (b Block[T]) Hint(name string) string {
	return cmp.Or(b.belongs(name), b.meant(name))
}

// meant says which of the block's options was probably meant, or is "".
func (b Block[T]) meant(name string) string {
	if before, _, found := strings.Cut(name, "="); found && slices.Contains(b.Names(), before) {
		return "write a space in place of the = after " + before
	}
	if meant := suggestAll(name, b.Names()); meant != "" {
		return "did you mean " + meant + "?"
	}
	return ""
}

// belongs says which of the block's own blocks has the option, or is "".
func (b Block[T]) belongs(name string) string {
	for _, row := range b.Describe().Rows {
		if row.Block != nil && slices.ContainsFunc(row.Block.Rows, func(inner Row) bool { return inner.Name == name }) {
			return "it belongs in " + row.Name + " { }"
		}
	}
	return ""
}

// place adds to an error about an option in the block of another one where it belongs, if
// that is here or in another block.
func (b Block[T]) place(around string, err error) error {
	unknown, ok := errors.AsType[*unrecognizedError](err)
	switch {
	case !ok || unknown.belongs != "":
	case slices.Contains(b.Names(), unknown.name):
		unknown.belongs = "it belongs beside " + around + ", not in its block"
	default:
		unknown.belongs = b.belongs(unknown.name)
	}
	return err
}

// BelongsIn adds to an error about an unrecognized option of that name where it belongs,
// which is another directive.
func BelongsIn(err error, name, directive string) error {
	if unknown, ok := errors.AsType[*unrecognizedError](err); ok && unknown.name == name {
		unknown.belongs = "it belongs in " + directive
	}
	return err
}
