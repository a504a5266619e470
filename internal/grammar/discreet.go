package grammar

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// hidden replaces a value in an error.
const hidden = "***"

// Discreet returns the error of a parser that is not ours, without the values of the options
// that it was reading. Caddy's parsers repeat the last value, whatever it is: a header field
// with a token, or the URL of a proxy with its password. The names of the options and the
// position in the Caddyfile are kept.
func Discreet(err error, options []caddyfile.Token) error {
	var already *discreetError
	if err == nil || errors.As(err, &already) {
		return err
	}
	said, place := err.Error(), ""
	if i := strings.LastIndex(said, ", at "); i >= 0 {
		said, place = said[:i], said[i:]
	}
	values := valuesIn(options)
	discreet := said
	for _, value := range values {
		discreet = without(discreet, value)
	}
	switch {
	case repeatsPart(discreet, values):
		return &discreetError{"an option's value, which is not repeated here, since it may be secret, cannot be read" + place}
	case discreet != said:
		return &discreetError{discreet + "; " + hidden + " is a value, which is not repeated here, since it " + doubtAbout(values) + place}
	}
	return err
}

// doubtAbout returns why values are not repeated.
func doubtAbout(values []string) string {
	if slices.ContainsFunc(values, signer.LooksLikeKey) {
		return "looks like a key itself; save the key to a file and write its path"
	}
	return "may be secret"
}

// discreetError is an error that contains no values.
type discreetError struct{ text string }

func (e *discreetError) Error() string { return e.text }

// Shown returns a value in quotes, for an error about an option that is not secret. Values
// that may be a URL with a password, or a setting, are hidden; a number with its unit, such
// as 50/s, is not.
func Shown(value string) string {
	if strings.ContainsAny(value, "@=/") && !quantity.MatchString(value) {
		return hidden
	}
	return strconv.Quote(value)
}

// quantity matches a number with its unit, which may be a quotient of units.
var quantity = regexp.MustCompile(`^[+-]?\d{1,12}([.,]\d{1,6})? ?[A-Za-z]{0,8}(/[A-Za-z]{1,8})?$`)

// Ahead returns the tokens of the option or module at the dispenser's position, including the
// block that follows. It does not advance the dispenser.
func Ahead(d *caddyfile.Dispenser) []caddyfile.Token {
	ahead := *d
	return ahead.NextSegment()
}

// valuesIn returns the values of options: everything except the names that begin the lines.
func valuesIn(options []caddyfile.Token) (values []string) {
	d := caddyfile.NewDispenser(options)
	for {
		isFirst := d.NextLine()
		if !isFirst && !d.Next() {
			return values
		}
		switch text := d.Val(); {
		case text == "", text == "{", text == "}", isFirst && isName(text):
		default:
			values = append(values, text)
		}
	}
}

// without hides a value in a text, both as it is and in its quoted form. It leaves words that
// only contain the value.
func without(text, value string) string {
	quoted := strconv.Quote(value)
	for _, form := range []string{quoted[1 : len(quoted)-1], value} {
		text = standing(form).ReplaceAllLiteralString(text, hidden)
	}
	return text
}

var (
	beginsWithWord = regexp.MustCompile(`^\w`)
	endsWithWord   = regexp.MustCompile(`\w$`)
)

// standing matches a value that stands by itself, rather than within a word.
func standing(value string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(value)
	if beginsWithWord.MatchString(value) {
		pattern = `\b` + pattern
	}
	if endsWithWord.MatchString(value) {
		pattern += `\b`
	}
	return regexp.MustCompile(pattern)
}

// parts matches the parts of a longer value that could be a password.
var parts = regexp.MustCompile(`[^\s:/@?&=;,"']{4,}`)

// repeatsPart reports whether a text contains a part of one of the values, such as the
// password in a URL that was split.
func repeatsPart(text string, values []string) bool {
	for _, value := range values {
		for _, part := range parts.FindAllString(value, -1) {
			if part != value && standing(part).MatchString(text) {
				return true
			}
		}
	}
	return false
}
