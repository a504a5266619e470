package setting

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/regular"
)

var (
	// fromEnvironment matches a placeholder for an environment variable.
	fromEnvironment = regexp.MustCompile(`\{env\.([^{}]+)\}`)
	// asElsewhere matches an environment variable in the syntax of shells, Compose and
	// systemd. Caddy's own placeholders contain a dot, but those of its directive map need
	// not.
	asElsewhere = regexp.MustCompile(`\$?\{(\w+)\}`)
)

// WhyEmpty says why a text with placeholders expands to nothing, as a suffix for the error
// about it: which variable is not set, or which file does not exist. It is "" if that is
// unknown.
func WhyEmpty(text string) string {
	for _, match := range fromEnvironment.FindAllStringSubmatch(text, -1) {
		value, isSet := os.LookupEnv(match[1])
		switch {
		case !isSet && match[1] == MarkedVariable():
			return ": the environment variable " + match[1] + " is not set, because " + WhyMarked + "; " + Unmark
		case !isSet:
			return ": the environment variable " + match[1] + " is not set"
		case value == "":
			return ": the environment variable " + match[1] + " has no value"
		}
	}
	for _, match := range filePlaceholder.FindAllStringSubmatch(text, -1) {
		if why := whyNothingIn(match[1]); why != "" {
			return ": " + why
		}
	}
	return ""
}

// byteOrderMark is what some programs put at the beginning of a text file. Caddy's --envfile
// takes it for a part of the first variable's name.
const byteOrderMark = "\ufeff"

// MarkedVariable returns the name of an environment variable that has a byte order mark before
// its name, or "". Such a variable stands for the one without the mark, which is not set.
func MarkedVariable() string {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if unmarked, isMarked := strings.CutPrefix(name, byteOrderMark); isMarked {
			if _, isSet := os.LookupEnv(unmarked); !isSet {
				return unmarked
			}
		}
	}
	return ""
}

// WhyMarked says why there is a [MarkedVariable], and Unmark what to do about it.
const (
	WhyMarked = "the env file begins with a byte order mark, which became a part of the name"
	Unmark    = "save the file as UTF-8 without that mark"
)

// whyNothingIn says why nothing can be read from a file, or returns "".
func whyNothingIn(path string) string {
	file, err := regular.Open(path)
	var notRegular *regular.NotRegularError
	switch {
	case os.IsNotExist(err):
		return "there is no file " + path
	case os.IsPermission(err):
		return "this process may not read " + path
	case errors.As(err, &notRegular):
		return notRegular.Error()
	case err != nil:
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() == 0 {
		return "the file " + path + " is empty"
	}
	return ""
}

// explained adds the likely reason to the replacer's error about a text.
func explained(err error, text string, repl *caddy.Replacer) error {
	for _, match := range asElsewhere.FindAllStringSubmatch(text, -1) {
		if _, known := repl.Get(match[1]); !known {
			return fmt.Errorf("%w; write {env.%s} for the environment variable", err, match[1])
		}
	}
	return fmt.Errorf("%w%s", err, WhyEmpty(text))
}
