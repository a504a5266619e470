package setting

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// fromFile matches a setting that consists of the contents of one file.
var fromFile = regexp.MustCompile(`^\{file\.([^{}]+)\}$`)

// curable adds to an error how to extract the value from the file that it was read from, if
// there is one and the extracted value would be valid.
func curable(err error, text, configured string, wrong func(string) string) error {
	file := fromFile.FindStringSubmatch(configured)
	value, command := cure(text)
	if file == nil || value == "" || wrong(value) != "" {
		return err
	}
	return signer.ForFile(fmt.Errorf("%w; take it out with: %s and name FILE.value", err, signer.Privately(command+" FILE > FILE.value")), file[1])
}

// cuts are the texts that can surround a value, with the sed expression that removes them.
// The value is the first group, if there is one. The commands work in every shell, and
// survive the escaping of a JSON log.
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

// cure returns the value that a text contains among other things, and the command that prints
// it, without the file name. Both are "" if they are not certain.
func cure(text string) (value, command string) {
	if isDocument(text) {
		name, value := onlyMember(text)
		if name == "" {
			return "", ""
		}
		return value, "jq -r ." + name
	}
	// In a file, sed also sees the surrounding white space.
	command = "sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//'"
	for _, cut := range cuts {
		if cut.around.MatchString(text) {
			text = cut.around.ReplaceAllString(text, "$1")
			command += " -e '" + cut.sed + "'"
		}
	}
	return text, command
}

// memberName matches the names that such a value can have in JSON. The name is shown, so no
// other is accepted.
var memberName = regexp.MustCompile(`(?i)^(payermax_?)?(app_?id|merchant_?no|merchant_?auth_?token|(access_?|auth_?)?token|password|pass|secret|pin|value)$`)

// onlyMember returns the only member of a JSON object that can be the value, or "".
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
