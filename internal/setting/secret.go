package setting

import (
	"errors"
	"regexp"
	"strings"
)

// CheckToken refuses a text that cannot be a token. The error repeats none of it. configured
// is the value before its placeholders were expanded: if it is {file.PATH} and the file
// contains the token among other things, the error contains the command that extracts it. The
// caller must first remove white space around the token, such as the newline at the end of
// its file.
func CheckToken(token, configured string) error {
	wrong := wrongToken(token)
	if wrong == "" {
		return nil
	}
	return curable(errors.New("the token, which is not repeated here, "+wrong), token, configured, wrongToken)
}

// wrongToken returns why a text cannot be a token, or "".
func wrongToken(token string) string {
	switch {
	case isDocument(token):
		return document
	case !isText(token):
		return notText
	case strings.TrimFunc(token, isBlank) != token || strings.ContainsFunc(token, isInvisible):
		return blanks
	case token == "":
		return empty
	case variable.MatchString(token):
		return unexpanded
	case nameBefore.MatchString(token):
		return named
	case comment.MatchString(token):
		return commented
	case brokenEnd.MatchString(token):
		return escaped
	case reference.MatchString(token):
		return elsewhere
	case isQuoted(token):
		return inQuotes
	case stand.MatchString(token):
		return unfilled
	}
	return ""
}

// CheckPassword refuses a text that is probably not meant to be a password or a PIN. The
// error repeats none of it. A password may contain any characters, so fewer texts are refused
// than for a token. path is the path of its file.
func CheckPassword(password, path string) error {
	wrong := wrongPassword(password)
	if wrong == "" {
		return nil
	}
	return curable(errors.New("its value, which is not repeated here, "+wrong), password, "{file."+path+"}", wrongPassword)
}

var (
	// passwordBefore matches a setting of an env file, of YAML, or of a server's config.
	passwordBefore = regexp.MustCompile(`(?i)^(export +[a-z_]\w*=|\w*(pass|passwd|password|secret|pin)=|(password|pin) *: |(requirepass|masterauth) )`)
	// passwordInQuotes matches a text with matching quotes at both ends.
	passwordInQuotes = regexp.MustCompile("^(\".*\"|'.*'|`.*`|\u201c.*\u201d|\u2018.*\u2019)$")
	// passwordOf matches a variable and nothing else.
	passwordOf = regexp.MustCompile(`^(\$\{[A-Za-z_]\w*\}|\{\$[A-Za-z_]\w*\}|\{(env|file)\.[^{}]+\}|\$[A-Z_]{3,}|\$\(.*\)|\{\{.*\}\})$`)
)

// wrongPassword returns why a text is probably not a password, or "".
func wrongPassword(password string) string {
	switch {
	case isJSON(password):
		return document
	case strings.ContainsAny(password, "\r\n"):
		return severalLines
	case !isText(password):
		return notText
	case strings.ContainsFunc(password, isInvisible):
		return blanks
	case password == "":
		return empty
	case passwordOf.MatchString(password):
		return unexpanded
	case passwordBefore.MatchString(password):
		return named
	case len(password) > 1 && passwordInQuotes.MatchString(password):
		return inQuotes
	}
	return ""
}

// isDocument reports whether a text is JSON with members, XML or HTML.
func isDocument(text string) bool {
	text = strings.TrimFunc(text, isBlank)
	return isJSON(text) || strings.HasPrefix(text, "<") && !stand.MatchString(text)
}

// firstMember matches the beginning of a JSON object with members.
var firstMember = regexp.MustCompile(`^\{\s*"[^"]*"\s*:`)

// isJSON reports whether a text looks like JSON with members.
func isJSON(text string) bool {
	text = strings.TrimFunc(text, isBlank)
	return strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") && firstMember.MatchString(text)
}
