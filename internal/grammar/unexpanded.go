package grammar

import (
	"regexp"
	"strings"
)

var environmentPlaceholder = regexp.MustCompile(`\{env\.([^{}]+)\}`)

// Unexpanded says what to write instead of a placeholder, as a suffix for the error about an
// option that expands none. It is "" if the values contain no placeholder.
func Unexpanded(values ...string) string {
	for _, value := range values {
		if found := environmentPlaceholder.FindStringSubmatch(value); found != nil {
			return "; placeholders are not expanded here: write {$" + found[1] + "} in the Caddyfile, which takes the variable's value when the file is read"
		}
	}
	for _, value := range values {
		if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
			return "; placeholders are not expanded here: write the value, or {$NAME} in the Caddyfile, which takes that of an environment variable when the file is read"
		}
	}
	return ""
}
