package setting

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// CheckToken refuses what cannot be a token, without repeating any of it. configured is
// the value with its placeholders: if it is {file.PATH} and the file has the token among
// other things, the error has the command that takes it out. White space around the token,
// such as the line break at the end of its file, is not for this function.
func CheckToken(token, configured string) error {
	wrong := wrongToken(token)
	if wrong == "" {
		return nil
	}
	return curable(errors.New("the token, which is not repeated here, "+wrong), token, configured, wrongToken)
}

// wrongToken says why a text cannot be a token, or "".
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

// CheckPassword refuses what is hardly meant to be a password, or a PIN, without repeating
// any of it. A password may have any characters, so less is refused than of a token. path
// is that of its file.
func CheckPassword(password, path string) error {
	wrong := wrongPassword(password)
	if wrong == "" {
		return nil
	}
	return curable(errors.New("what it has, which is not repeated here, "+wrong), password, "{file."+path+"}", wrongPassword)
}

var (
	// passwordBefore is a setting of an env file, of YAML or of a server's config.
	passwordBefore = regexp.MustCompile(`(?i)^(export +[a-z_]\w*=|\w*(pass|passwd|password|secret|pin)=|(password|pin) *: |(requirepass|masterauth) )`)
	// passwordInQuotes has the same quotes at both ends.
	passwordInQuotes = regexp.MustCompile("^(\".*\"|'.*'|`.*`|\u201c.*\u201d|\u2018.*\u2019)$")
	// passwordOf is a variable and nothing else.
	passwordOf = regexp.MustCompile(`^(\$\{[A-Za-z_]\w*\}|\{\$[A-Za-z_]\w*\}|\{(env|file)\.[^{}]+\}|\$[A-Z_]{3,}|\$\(.*\)|\{\{.*\}\})$`)
)

// wrongPassword says why a text is hardly a password, or "".
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

// firstMember is how a JSON object with members begins.
var firstMember = regexp.MustCompile(`^\{\s*"[^"]*"\s*:`)

// isJSON reports whether a text looks like JSON with members.
func isJSON(text string) bool {
	text = strings.TrimFunc(text, isBlank)
	return strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") && firstMember.MatchString(text)
}

// fromFile is a setting that is the contents of one file.
var fromFile = regexp.MustCompile(`^\{file\.([^{}]+)\}$`)

// curable adds to an error how to take the value out of the file that it was read from, if
// there is such a file, and if nothing is wrong with what is then left.
func curable(err error, text, configured string, wrong func(string) string) error {
	file := fromFile.FindStringSubmatch(configured)
	value, command := cure(text)
	if file == nil || value == "" || wrong(value) != "" {
		return err
	}
	return signer.ForFile(fmt.Errorf("%w; take it out with: (umask 077; %s FILE > FILE.value) and name FILE.value", err, command), file[1])
}

// cuts are what can stand around a value, which is the first group if there is one, and how
// sed removes it. The commands mean the same to every shell, and in a JSON log.
var cuts = []struct {
	around *regexp.Regexp
	sed    string
}{
	{regexp.MustCompile(`\s+#.*$`), "s/[[:space:]]*[[:space:]]#.*//"},
	{regexp.MustCompile(`^(?:export +)?[A-Za-z_]\w*=([^=].*)$`), "s/^[^=]*=//"},
	{regexp.MustCompile(`(?i)^(?:merchant_?auth_?token|authorization|password|token|pin) *: *`), "s/^[^:]*: *//"},
	{regexp.MustCompile(`(?i)^(?:bearer|requirepass|masterauth) +`), "s/^[^ ]* *//"},
	{regexp.MustCompile("^[\"'`]"), "s/^.//"},
	{regexp.MustCompile("[\"'`]$"), "s/.$//"},
}

// cure returns the value that a text has among other things, and the command that writes
// it, but for the name of the file; or "" if neither is certain.
func cure(text string) (value, command string) {
	if isDocument(text) {
		name, value := onlyMember(text)
		if name == "" {
			return "", ""
		}
		return value, "jq -r ." + name
	}
	// Of a file, sed sees the white space around it as well.
	command = "sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//'"
	for _, cut := range cuts {
		if cut.around.MatchString(text) {
			text = cut.around.ReplaceAllString(text, "$1")
			command += " -e '" + cut.sed + "'"
		}
	}
	return text, command
}

// memberName is a name that JSON has for such a value. It is shown, so it is no other.
var memberName = regexp.MustCompile(`(?i)^(payermax_?)?(app_?id|merchant_?no|merchant_?auth_?token|(access_?|auth_?)?token|password|pass|secret|pin|value)$`)

// onlyMember returns the one member of a JSON object that can be the value, or "".
func onlyMember(text string) (name, value string) {
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return "", ""
	}
	for member, content := range members {
		text, isText := content.(string)
		if !isText || !memberName.MatchString(member) {
			continue
		}
		if name != "" {
			return "", ""
		}
		name, value = member, text
	}
	return name, value
}
