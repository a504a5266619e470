package grammar

import (
	"errors"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// ErrValues is what a setter returns if too few or too many values follow the name of its
// option. Whoever reads the option makes an error of it that says what was expected.
var ErrValues = errors.New("too few or too many values")

// NotSet is what an option that has no value is most likely about, to be put behind the
// error about it: Caddy puts the values of environment variables into the Caddyfile before
// it reads any option, and leaves nothing where a variable is not set.
const NotSet = "where the Caddyfile has an environment variable, as in {$NAME}, that variable is not set"

// wrongValues is the error about an option that has too few or too many values. It repeats
// none, since they may be the words of a secret.
func (o Option[T]) wrongValues(d *caddyfile.Dispenser, values int) error {
	if o.Args == "" {
		return d.Errf("%s takes no value, but has %s; remove what follows it", o.Name, counted(values))
	}
	expected := "expected " + o.Name + " " + o.Args
	if example := o.exampleLine(); example != "" {
		expected += ", such as " + strconv.Quote(example)
	}
	if values == 0 {
		return d.Errf("%s has no value: %s; %s", o.Name, expected, NotSet)
	}
	return d.Errf("%s has %s: %s; a value with spaces needs quotes, and %s", o.Name, counted(values), expected, NotSet)
}

// exampleLine is the line of the example that has the option.
func (o Option[T]) exampleLine() string {
	for line := range strings.Lines(o.Example) {
		if strings.HasPrefix(line, o.Name+" ") {
			return strings.TrimSuffix(strings.TrimSpace(line), " {")
		}
	}
	return ""
}

// counted is a number of values in words.
func counted(values int) string {
	if values == 1 {
		return "one value"
	}
	return strconv.Itoa(values) + " values"
}

// valuesAhead are the values that follow the name that the dispenser stands on. It is left
// there.
func valuesAhead(d *caddyfile.Dispenser) []string {
	ahead := *d
	return ahead.RemainingArgs()
}
