package setting

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/regular"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// filePlaceholder matches a placeholder for the contents of a file.
var filePlaceholder = regexp.MustCompile(`\{file\.([^{}]+)\}`)

// relativeFile matches what the Caddyfile makes of {file.NAME} if NAME contains neither a
// slash nor a dot: it is a shorthand for a part of the request's path. Caddy has only two
// such parts.
var relativeFile = regexp.MustCompile(`\{http\.request\.uri\.path\.file\.([\w-]+)\}`)

// errKeyAsFile deliberately does not repeat the value.
var errKeyAsFile = errors.New("the path of a file is expected in {file.PATH}, but the value looks like a key itself; save the key to a file and name that")

// checkAbsolute refuses a file placeholder whose path Caddy interprets as something else.
func checkAbsolute(text string) error {
	for _, match := range relativeFile.FindAllStringSubmatch(text, -1) {
		if signer.LooksLikeKey(match[1]) {
			return errKeyAsFile
		}
		if name := match[1]; name != "base" && name != "ext" {
			return fmt.Errorf("{file.%s} names no file: in a Caddyfile, it is short for a part of each request's path; expected an absolute path, such as {file./run/secrets/payermax/%[1]s}", name)
		}
	}
	return nil
}

// CheckFiles refuses a text whose placeholders name anything other than regular files. Caddy
// reads the file, and with a named pipe would wait for a writer: at startup, on a reload, or
// in the middle of a call. A missing file is left to Caddy. A relative path that the
// Caddyfile does not treat as one is refused as well, and so is the text of a key.
func CheckFiles(text string) error {
	if err := checkAbsolute(text); err != nil {
		return err
	}
	if !strings.Contains(text, "{file.") {
		return nil
	}
	for _, match := range filePlaceholder.FindAllStringSubmatch(text, -1) {
		if signer.LooksLikeKey(match[1]) {
			return errKeyAsFile
		}
		if info, err := os.Stat(match[1]); err == nil && !info.Mode().IsRegular() {
			return &regular.NotRegularError{Path: match[1], Mode: info.Mode()}
		}
	}
	return nil
}

// FilesIn returns the paths in the file placeholders of a text.
func FilesIn(text string) []string {
	var paths []string
	for _, match := range filePlaceholder.FindAllStringSubmatch(text, -1) {
		paths = append(paths, match[1])
	}
	return paths
}

// NamesMissingFile reports whether a placeholder in a text names a file that does not exist.
// Caddy treats such a file as empty.
func NamesMissingFile(text string) bool {
	for _, match := range filePlaceholder.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(match[1]); errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// Replace expands the placeholders of a text like the replacer's ReplaceOrErr, but never
// waits for a file. Its errors say why a placeholder is unknown or empty.
func Replace(repl *caddy.Replacer, text string, errorOnEmpty, errorOnUnknown bool) (string, error) {
	if err := CheckFiles(text); err != nil {
		return "", err
	}
	value, err := repl.ReplaceOrErr(text, errorOnEmpty, errorOnUnknown)
	if err != nil {
		return "", explained(err, text, repl)
	}
	return value, nil
}
