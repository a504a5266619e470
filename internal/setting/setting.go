// Package setting expands the placeholders in configured values and checks the results.
package setting

import (
	"fmt"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
)

// Option is one option whose value may contain placeholders.
type Option struct {
	Name string
	// Value is the configured value.
	Value string
	// MaxLength is the maximum number of characters, from the field table of the envelope;
	// the value is then one of PayerMax's identifiers. 0 stands for paths, which may have any
	// length.
	MaxLength int
	// IsSecret says that the value is a token. Its user checks it with CheckToken, and no
	// error may show it.
	IsSecret bool
	// Target receives the expanded value.
	Target *string
}

// Expand sets the option's target. A configured value must not expand to nothing, unless
// mayBeEmpty is set: a missing environment variable must not disable a check.
func (o Option) Expand(repl *caddy.Replacer, mayBeEmpty bool) error {
	value, err := Replace(repl, o.Value, false, true)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	switch {
	case value == "" && o.Value != "" && !mayBeEmpty:
		return fmt.Errorf("%s: %s is empty%s; set it", o.Name, o.Value, WhyEmpty(o.Value))
	case o.MaxLength > 0 && utf8.RuneCountInString(value) > o.MaxLength && !isDocument(value):
		return fmt.Errorf("%s: longer than the %d characters that PayerMax allows", o.Name, o.MaxLength)
	}
	if err := o.check(value); err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	*o.Target = value
	return nil
}

// check checks the expanded value according to its kind.
func (o Option) check(value string) error {
	switch {
	case o.IsSecret:
		return nil
	case o.MaxLength > 0:
		return CheckIdentity(value, o.Value)
	}
	return CheckPath(value)
}

// ExpandAll expands the values of an option that may have several. No value may be empty.
func ExpandAll(name string, configured []string, maxLength int, repl *caddy.Replacer) ([]string, error) {
	values := make([]string, len(configured))
	for i, value := range configured {
		if err := (Option{Name: name, Value: value, MaxLength: maxLength, Target: &values[i]}).Expand(repl, false); err != nil {
			return nil, err
		}
		if values[i] == "" {
			return nil, fmt.Errorf("%s: one of its values is empty; set it, or remove it", name)
		}
	}
	return values, nil
}
