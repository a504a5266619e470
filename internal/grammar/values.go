package grammar

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// ErrValues is what a setter returns if too few or too many values follow the name of its
// option. The reader of the option turns it into an error that says what was expected.
var ErrValues = errors.New("too few or too many values")

// NotSet is the most likely reason why an option has no value, as a suffix for the error
// about it. Caddy inserts the values of environment variables into the Caddyfile before it
// reads any option, and inserts nothing if a variable is not set.
func NotSet() string {
	const likely = "if a value comes from {$NAME}, check that NAME is set"
	if name := setting.MarkedVariable(); name != "" {
		return likely + "; " + name + " is not, because " + setting.WhyMarked + "; " + setting.Unmark
	}
	return likely
}

// wrongValues returns the error about an option with too few or too many values. It does not
// repeat them, since they may be the words of a secret.
func (o Option[T]) wrongValues(d *caddyfile.Dispenser, values []string) error {
	switch {
	case slices.ContainsFunc(values, signer.LooksLikeKey):
		return o.holdsKey(d)
	case o.Args == "":
		return d.Errf("%s takes no value, but has %s; remove what follows it", o.Name, counted(len(values)))
	case len(values) > 0 && IsSign(values[0]):
		return d.Errf("%s: remove the %s; a value follows the name after a space", o.Name, values[0])
	}
	expected := "expected " + o.Name + " " + o.Args
	if example := o.exampleLine(); example != "" {
		expected += ", such as " + strconv.Quote(example)
	}
	switch {
	case len(values) == 0:
		return d.Errf("%s has no value: %s; %s", o.Name, expected, NotSet())
	case len(values) < o.leastValues():
		return d.Errf("%s has %s: %s; %s", o.Name, counted(len(values)), expected, NotSet())
	}
	return d.Errf("%s has %s: %s; a value with spaces needs quotes", o.Name, counted(len(values)), expected)
}

// refuseKeys refuses the text of a key as the value of any option. No option takes one: it is
// there by mistake, for example because two variables were mixed up, and an error about it
// would repeat it, or it would be saved with the config.
func (o Option[T]) refuseKeys(d *caddyfile.Dispenser, values []string) error {
	if slices.ContainsFunc(values, signer.IsKeyText) {
		return o.holdsKey(d)
	}
	return nil
}

func (o Option[T]) holdsKey(d *caddyfile.Dispenser) error {
	return d.Errf("the value of %s looks like a key itself; save the key to a file and name that", o.Name)
}

// leastValues returns the minimum number of values that the option takes, according to its
// Args: anything in brackets is optional, and a block is not a value. Modules may take values
// of their own, shown as [...]; if values are missing then, it is most likely one of these.
func (o Option[T]) leastValues() int {
	least := 0
	for _, arg := range strings.Fields(o.Args) {
		switch {
		case arg[0] == '{':
			return least
		case arg[0] != '[', arg == "[...]":
			least++
		}
	}
	return least
}

// IsSign reports whether a value is a separator that other formats have between a name and
// its value.
func IsSign(value string) bool { return value == "=" || value == ":" || value == ":=" }

// exampleLine returns the line of the example that contains the option.
func (o Option[T]) exampleLine() string {
	for line := range strings.Lines(o.Example) {
		if strings.HasPrefix(line, o.Name+" ") {
			return strings.TrimSuffix(strings.TrimSpace(line), " {")
		}
	}
	return ""
}

// counted returns a number of values in words.
func counted(values int) string {
	if values == 1 {
		return "one value"
	}
	return strconv.Itoa(values) + " values"
}

// valuesAhead returns the values that follow the name at the dispenser's position. It does
// not advance the dispenser.
func valuesAhead(d *caddyfile.Dispenser) []string {
	ahead := *d
	return ahead.RemainingArgs()
}
