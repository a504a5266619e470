package setting

import (
	"fmt"
	"os"
	"regexp"

	"github.com/caddyserver/caddy/v2"
)

var (
	// fromEnvironment is a placeholder that stands for an environment variable.
	fromEnvironment = regexp.MustCompile(`\{env\.([^{}]+)\}`)
	// asElsewhere is an environment variable as shells, Compose and systemd write it. Caddy's own
	// placeholders have a dot, but those of its directive map need none.
	asElsewhere = regexp.MustCompile(`\$?\{(\w+)\}`)
)

// WhyEmpty says why a text with placeholders comes to nothing, to be put behind the error
// about it: which variable is not set, or which file is not there. It is "" if that cannot
// be told.
func WhyEmpty(text string) string {
	for _, match := range fromEnvironment.FindAllStringSubmatch(text, -1) {
		if value, isSet := os.LookupEnv(match[1]); !isSet {
			return ": the environment variable " + match[1] + " is not set"
		} else if value == "" {
			return ": the environment variable " + match[1] + " has no value"
		}
	}
	for _, match := range filePlaceholder.FindAllStringSubmatch(text, -1) {
		switch info, err := os.Stat(match[1]); {
		case os.IsNotExist(err):
			return ": there is no file " + match[1]
		case os.IsPermission(err):
			return ": this process may not read " + match[1]
		case err == nil && info.Size() == 0:
			return ": the file " + match[1] + " has nothing in it"
		}
	}
	return ""
}

// explained adds to the replacer's error about a text what is behind it.
func explained(err error, text string, repl *caddy.Replacer) error {
	for _, match := range asElsewhere.FindAllStringSubmatch(text, -1) {
		if _, known := repl.Get(match[1]); !known {
			return fmt.Errorf("%w; write {env.%s} for the environment variable", err, match[1])
		}
	}
	return fmt.Errorf("%w%s", err, WhyEmpty(text))
}
