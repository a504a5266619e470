package setting

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// What people leave in environment variables and files, and what to do about it. The words
// follow the value.
const (
	notText    = "contains control characters, such as a line break; check where the value comes from"
	blanks     = "has white space or invisible characters in it, such as a no-break space or a byte order mark; remove them where the value comes from"
	inQuotes   = "has quotes in it, which an env file or YAML list takes literally; write the value without them"
	unexpanded = "still contains a variable that was not expanded; write {$NAME} or {env.NAME} in the Caddyfile, and the variable's value in its environment"
	unfilled   = "is a placeholder that was not filled in; replace it with the real value"
	calculated = "is a number in the notation of a spreadsheet or YAML; put the digits in quotes where the value comes from"
	otherSigns = "has characters that PayerMax's identifiers do not contain; they consist of letters, digits, and . _ : -"
	ownHome    = "begins with ~, which only a shell expands; write the full path"
	named      = "has the name of a setting or of a header before it; write only the value"
	commented  = "has a comment after it, which an env file or a secret takes literally; write only the value"
	escaped    = "ends with a line break that is written out, as in a JSON string; remove it where the value comes from"
	elsewhere  = "is a reference to the value, not the value itself; resolve it before it reaches the sidecar"
	asURL      = "is a URL; write only the path"
	document   = "is a JSON, XML or HTML document; write only the value"
	empty      = "is empty; set it"

	severalLines = "has several lines, but a password has one; write only the password"
)

var (
	variable = regexp.MustCompile(`\$\{|\{\$|\$\(|^\$\w+$|^%\w+%$|^\{\{.*\}\}$`)
	stand    = regexp.MustCompile(`(?i)^(<.*>|\[.*\]|change[-_ .]?(me|it)|(insert|replace|put|enter)[-_ .]?(me|this|here|with.*)?|todo|tbd|fixme|x{3,}([-_. ]x+)*|[._\x{2026}-]{3,}|\x{2026}+|placeholder|none|null|nil|nan|true|false|undefined|empty|redacted|dummy|your[-_ .]?(app[-_ .]?id|merchant[-_ .]?no|token)[-_ .]here|[*]{3,}|__\w+__|@\w+@|#\{\w+\}#?)$`)
	exponent = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+$|^[0-9]{6,}[.,][0-9]+$|^[0-9]{1,3}([.,][0-9]{3}){2,}$|^[+-][0-9.]+$`)
	// nameBefore matches a setting of an env file, or a header. Base64 has its equals signs
	// at the end.
	nameBefore = regexp.MustCompile(`(?i)^(export +)?[a-z_][a-z0-9_]*=[^=]|^(merchant_?auth_?token|authorization) *:|^bearer +\S`)
	settingOf  = regexp.MustCompile(`^(export +)?[A-Za-z_][A-Za-z0-9_]*=[/.]`)
	comment    = regexp.MustCompile(`\s#( |$)`)
	brokenEnd  = regexp.MustCompile(`\\[rn]$`)
	reference  = regexp.MustCompile(`^(arn:aws|ref\+|op://|vault:|file:|gs://|s3://|projects/|/run/|/etc/|/var/)`)
	homeOf     = regexp.MustCompile(`^\$\w+/|^%\w+%`)
	identifier = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)
)

// quotes are the quotation marks of shells and of word processors.
const quotes = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"

// CheckIdentity refuses a value that cannot be a PayerMax identifier: an app_id, a
// merchant_no or a version. The error shows the value in quotes, with invisible characters
// escaped. configured has the same meaning as in [CheckToken].
func CheckIdentity(value, configured string) error {
	wrong := wrongIdentity(value)
	if wrong == "" {
		return nil
	}
	return curable(fmt.Errorf("%s %s", shown(value), wrong), value, configured, wrongIdentity)
}

// wrongIdentity returns why a text cannot be an identifier, or "".
func wrongIdentity(value string) string {
	switch {
	case value == "":
		return ""
	case isDocument(value):
		return document
	case !isText(value):
		return notText
	case variable.MatchString(value):
		return unexpanded
	case stand.MatchString(value):
		return unfilled
	case nameBefore.MatchString(value):
		return named
	case comment.MatchString(value):
		return commented
	case brokenEnd.MatchString(value):
		return escaped
	case reference.MatchString(value):
		return elsewhere
	case strings.ContainsFunc(value, isBlank):
		return blanks
	case strings.ContainsAny(value, quotes):
		return inQuotes
	case exponent.MatchString(value):
		return calculated
	case !identifier.MatchString(value):
		return otherSigns
	}
	return ""
}

// maxShown is the maximum number of characters of a value that an error shows.
const maxShown = 64

// shown returns a value for use in an error. It hides a document, which may contain a secret,
// and a part of a key.
func shown(value string) string {
	if isDocument(value) || slices.ContainsFunc(strings.Fields(value), signer.LooksLikeKey) {
		return "the value, which is not repeated here,"
	}
	if characters := []rune(value); len(characters) > maxShown {
		value = string(characters[:maxShown]) + "..."
	}
	return strconv.QuoteToASCII(value)
}

// CheckPath refuses a value that is probably not meant to be the path of a file. A path may
// contain spaces and letters of any language. The text of a key is left to the reader of the
// file, which does not repeat it.
func CheckPath(path string) error {
	var wrong string
	switch {
	case isDocument(path):
		wrong = document
	case path == "", signer.LooksLikeKey(path):
		return nil
	case !isText(path):
		wrong = notText
	case strings.TrimFunc(path, isBlank) != path:
		wrong = blanks
	case variable.MatchString(path), homeOf.MatchString(path):
		wrong = unexpanded
	case settingOf.MatchString(path):
		wrong = named
	case comment.MatchString(path):
		wrong = commented
	case brokenEnd.MatchString(path) && strings.Contains(path, "/"):
		wrong = escaped
	case strings.HasPrefix(strings.ToLower(path), "file:"):
		wrong = asURL
	case isQuoted(path):
		wrong = inQuotes
	case stand.MatchString(path):
		wrong = unfilled
	case path == "~" || strings.HasPrefix(path, "~/"):
		wrong = ownHome
	default:
		return nil
	}
	return fmt.Errorf("%s %s", shown(path), wrong)
}

// isText reports whether a value can be used in the envelope as it is.
func isText(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, unicode.IsControl)
}

// isBlank reports whether a character is white space or invisible.
func isBlank(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) }

// isInvisible reports whether a character is invisible, such as a byte order mark or a soft
// hyphen.
func isInvisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || r != ' ' && unicode.IsSpace(r)
}

// isQuoted reports whether a value begins and ends with a quote.
func isQuoted(value string) bool {
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	return strings.ContainsRune(quotes, first) && strings.ContainsRune(quotes, last)
}
