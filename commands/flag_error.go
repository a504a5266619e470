package commands

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
)

// maxRepeated is the length of the longest value that an error repeats. A longer value
// may be a signature or a key.
const maxRepeated = 20

// flagError replaces pflag's error about an invalid value with one that says what the
// value must be.
func flagError(err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	flag, value := invalid.GetFlag(), invalid.GetValue()
	must := map[string]string{
		"uint16":   "a whole number from 0 to 65535",
		"int":      "a whole number such as " + flag.DefValue,
		"float64":  "a number such as " + flag.DefValue,
		"duration": "a duration such as " + flag.DefValue,
		"bool":     "true or false",
	}[flag.Value.Type()]
	switch {
	case must == "":
		return err
	case len(value) > maxRepeated:
		return fmt.Errorf("--%s must be %s, but is a text of %d bytes", flag.Name, must, len(value))
	}
	return fmt.Errorf("--%s must be %s, but is %q", flag.Name, must, value)
}
