package grammar

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// unrecognizedError is the error about an option that is not in the block. The surrounding
// blocks may know where it belongs.
type unrecognizedError struct {
	at   caddyfile.Dispenser // the position of the option
	name string
	// belongs says in which block the option belongs, or is "".
	belongs string
	// otherwise is the text if that is unknown.
	otherwise string
}

// Error uses Caddy's wording for its own directives, and says what to write instead.
func (e *unrecognizedError) Error() string {
	return e.at.Errf("unrecognized subdirective %s; %s", NameOrNot(e.name), cmp.Or(e.belongs, e.otherwise)).Error()
}

// unrecognized returns the error about the option at the dispenser's position.
func (b Block[T]) unrecognized(d *caddyfile.Dispenser) error {
	return &unrecognizedError{
		at: *d, name: d.Val(), belongs: b.belongs(d.Val()),
		otherwise: cmp.Or(b.meant(d.Val()), "expected one of "+strings.Join(b.Names(), ", ")),
	}
}

// Hint says what was probably meant by an option that is not in the block, or where it
// belongs. It is "" if that is unknown.
func (b Block[T]) Hint(name string) string {
	return cmp.Or(b.belongs(name), b.meant(name))
}

// meant says which of the block's options was probably meant, or returns "".
func (b Block[T]) meant(name string) string {
	if before, _, found := strings.Cut(name, "="); found && slices.Contains(b.Names(), before) {
		return "write a space in place of the = after " + before
	}
	if meant := suggestAll(name, b.Names()); meant != "" {
		return "did you mean " + meant + "?"
	}
	return ""
}

// belongs says which of the nested blocks has the option, or returns "".
func (b Block[T]) belongs(name string) string {
	for _, row := range b.Describe().Rows {
		if row.Block != nil && slices.ContainsFunc(row.Block.Rows, func(inner Row) bool { return inner.Name == name }) {
			return "it belongs in " + row.Name + " { }"
		}
	}
	return ""
}

// place completes an error about an option in a nested block: it adds where the option
// belongs, if that is in this block or in another nested one.
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

// BelongsIn adds to an error about the unrecognized option name that it belongs in another
// directive.
func BelongsIn(err error, name, directive string) error {
	if unknown, ok := errors.AsType[*unrecognizedError](err); ok && unknown.name == name {
		unknown.belongs = "it belongs in " + directive
	}
	return err
}
