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

// hidden is what an error has in place of a value.
const hidden = "***"

// Discreet is the error of a parser that is not ours, without the values of the options that
// it was reading. Caddy's parsers repeat the last value, whatever it is: a header field
// with a token, or the URL of a proxy with its password. The names of the options stay, and
// so does the place in the Caddyfile.
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

// doubtAbout says why values are not repeated.
func doubtAbout(values []string) string {
	if slices.ContainsFunc(values, signer.LooksLikeKey) {
		return "looks like a key itself; save the key to a file and write its path"
	}
	return "may be secret"
}

// discreetError is an error that repeats no value any more.
type discreetError struct{ text string }

func (e *discreetError) Error() string { return e.text }

// Shown is a value in quotes, for an error about an option that is no secret. What may be a
// URL with a password, or a setting, is not shown; a number with its unit, such as 50/s, is.
func Shown(value string) string {
	if strings.ContainsAny(value, "@=/") && !quantity.MatchString(value) {
		return hidden
	}
	return strconv.Quote(value)
}

// quantity is a number and its unit, which may be by another unit.
var quantity = regexp.MustCompile(`^[+-]?\d{1,12}([.,]\d{1,6})? ?[A-Za-z]{0,8}(/[A-Za-z]{1,8})?$`)

// Ahead are the tokens of the option, or of the module, that the dispenser stands on, with
// the block that follows. The dispenser is left there.
func Ahead(d *caddyfile.Dispenser) []caddyfile.Token {
	ahead := *d
	return ahead.NextSegment()
}

// valuesIn are the values of options: whatever is not the name with which a line begins.
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

// without hides a value in a text, as it is and as it stands in quotes. What only contains
// a word stays.
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

// standing finds a value where it stands by itself, rather than within a word.
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

// parts are what a password can be of a longer value.
var parts = regexp.MustCompile(`[^\s:/@?&=;,"']{4,}`)

// repeatsPart reports whether a text has a part of one of the values, such as the password
// in a URL that was taken apart.
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
