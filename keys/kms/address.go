package kms

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddyserver/caddy/v2"
	"go.step.sm/crypto/kms/uri"
)

// scheme describes the URIs that one source accepts.
type scheme struct {
	name       string
	example    string
	attributes []string
	secrets    []string // attributes whose values are secret

	// bare is the attribute whose value may be written without its name: the resource in
	// cloudkms:projects/....
	bare string
}

// address is a key's URI, parsed and with its placeholders expanded.
type address struct {
	scheme scheme
	values map[string]string
}

// parseAddress parses a URI, and then expands the placeholders in its values. Because of
// this order, a PIN may contain the characters that separate attributes. No error repeats
// a value, because it may be a secret.
func parseAddress(raw string, s scheme, repl *caddy.Replacer) (address, error) {
	if raw == "" {
		return address{}, fmt.Errorf("uri is required, such as %s", s.example)
	}
	// A URI that begins with a placeholder is expanded as a whole.
	expanded := strings.HasPrefix(raw, "{")
	if expanded {
		var err error
		if raw, err = setting.Replace(repl, raw, true, true); err != nil {
			return address{}, fmt.Errorf("expanding uri: %w", err)
		}
		raw = strings.TrimSpace(raw)
	}
	u, err := uri.ParseWithScheme(s.name, raw)
	if err != nil {
		return address{}, fmt.Errorf("uri must be a URI that begins with %s:, such as %s", s.name, s.example)
	}

	a := address{scheme: s, values: make(map[string]string)}
	for name, values := range uri.Values(u) {
		value := values[0]
		if s.bare != "" && value == "" && strings.Contains(name, "/") {
			name, value = s.bare, name
		}
		switch _, twice := a.values[name]; {
		case !slices.Contains(s.attributes, name) && expanded:
			return address{}, fmt.Errorf("uri has an attribute that is not supported; expected %s", strings.Join(s.attributes, ", "))
		case !slices.Contains(s.attributes, name):
			return address{}, fmt.Errorf("uri has the attribute %q, which is not supported; expected %s", name, strings.Join(s.attributes, ", "))
		case twice || len(values) > 1:
			return address{}, fmt.Errorf("uri has %s twice", name)
		case value == "":
			return address{}, fmt.Errorf("uri has an empty %s; give it a value or leave it out", name)
		case expanded:
		case slices.Contains(s.secrets, name) && !isPlaceholder(value):
			return address{}, fmt.Errorf("uri must not contain the %[1]s itself, which every reader of the config would see; write a placeholder such as %[1]s={file./run/secrets/payermax/%[1]s}", name)
		default:
			written := value
			if value, err = setting.Replace(repl, value, true, true); err != nil {
				return address{}, fmt.Errorf("expanding %s in uri: %w", name, err)
			}
			if isPlaceholder(written) {
				value = strings.TrimSpace(value) // files end in a line break
			}
		}
		a.values[name] = value
	}
	return a, nil
}

// isPlaceholder reports whether a value is exactly one placeholder.
func isPlaceholder(value string) bool {
	return strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") && strings.Count(value, "{") == 1
}

// require refuses an address that lacks one of these attributes.
func (a address) require(names ...string) error {
	for _, name := range names {
		if a.values[name] == "" {
			return fmt.Errorf("uri needs %s, such as %s", name, a.scheme.example)
		}
	}
	return nil
}

// uri returns a URI with the named attributes, as far as they are set.
func (a address) uri(names ...string) string {
	values := make(url.Values)
	for _, name := range names {
		if value := a.values[name]; value != "" {
			values.Set(name, value)
		}
	}
	return uri.New(a.scheme.name, values).String()
}

// secrets returns the values that must not be repeated anywhere.
func (a address) secrets() []string {
	var secrets []string
	for _, name := range a.scheme.secrets {
		secrets = append(secrets, a.values[name])
	}
	return secrets
}

// redact makes an error of the underlying libraries suitable for a log: on one line, of
// limited length, and without the secrets, in case a library repeats one.
func redact(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
			text = strings.ReplaceAll(text, url.QueryEscape(secret), "[redacted]")
		}
	}
	words := slices.DeleteFunc(strings.Fields(text), func(word string) bool {
		return strings.Trim(word, "-") == "" // the horizontal rules in Azure's errors
	})
	text = strings.Join(words, " ")
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return &redactedError{text, err}
}

// maxErrorText is the length, in bytes, to which a library's error is truncated: some
// clouds answer with a whole page.
const maxErrorText = 400

// redactedError hides an error's text, but still matches the error with errors.Is. It has
// no Unwrap method, which would expose the text.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }

// Is makes errors.Is match the original error.
func (e *redactedError) Is(target error) bool { return errors.Is(e.err, target) }
