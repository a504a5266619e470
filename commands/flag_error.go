package commands

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
)

// maxRepeated is the length of the longest value that an error repeats. What is longer may
// be a signature or a key.
const maxRepeated = 20

// flagError says what the value of a flag must be, in place of what could not be parsed.
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
