package signer

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
)

// converters lists the programs that errors recommend, each with a pattern for the texts
// that the program can read. Unlike the sidecar, these programs do not read keys that are
// quoted or indented, or whose line breaks are escaped.
var converters = []struct {
	command string
	reads   *regexp.Regexp
}{
	{"ssh-keygen -p ", regexp.MustCompile(`\A-----BEGIN OPENSSH PRIVATE KEY-----\n(?:[A-Za-z0-9+/=]+\n)+-----END OPENSSH PRIVATE KEY-----\n\z`)},
	{"ssh-keygen -i ", regexp.MustCompile(`\A---- BEGIN SSH2 PUBLIC KEY ----\r?\n(?:[^ \r\n][ -~]*\r?\n)+---- END SSH2 PUBLIC KEY ----\r?\n?\z`)},
	{"ssh-keygen -e ", regexp.MustCompile(`\A[a-z0-9@.-]+ [A-Za-z0-9+/=]+(?: [ -~]*)?\r?\n?\z`)},
	{"puttygen ", regexp.MustCompile(`\APuTTY-User-Key-File-[0-9]: [a-z0-9@.-]+\r?\n(?:[A-Z][A-Za-z0-9-]*: [ -~]*[!-~]\r?\n|Comment: ?\r?\n|[A-Za-z0-9+/=]+\r?\n)+Private-MAC: [0-9a-f]+\r?\n?\z`)},
	{"sed -n ", blockInLines},
	{"sed -e '/-----/d' ", regexp.MustCompile(`\A\s*-----BEGIN [A-Z0-9 ]+-----[ \t]*\r?\n(?:[ \t]*[A-Za-z0-9+/]*[ \t]*\r?\n)*[ \t]*[A-Za-z0-9+/]*={0,2}[ \t]*\r?\n[ \t]*-----END [A-Z0-9 ]+-----\s*\z`)},
	{"sed -e ", regexp.MustCompile(`-----BEGIN [A-Z0-9 ]+-----[ \t]*\r?\n`)},
	{"openssl ", regexp.MustCompile(`(?m)^\x{FEFF}?-----BEGIN [A-Z0-9 ]+-----[ \t]*\r?\n(?:[A-Za-z-]+: [^\r\n]*\r?\n)*(?:[ \t]*\r?\n)?(?:[A-Za-z0-9+/=]+[ \t]*\r?\n)+-----END [A-Z0-9 ]+-----[ \t]*\r?$`)},
}

// linesFirst is the advice for a text that the recommended program could not read.
const linesFirst = "leave nothing but it in the file, line by line as it was written, without quotes, indentation or anything else around it, and check it again"

// asWritten removes the command from an error, or replaces it by other advice, if the
// command's program could not read the text as it is. It leaves errors about binary files
// and about base64 without armour alone, since their commands are made for those.
func asWritten(text []byte, err error) error {
	before, command, found := strings.Cut(err.Error(), "with: ")
	if !found || !strings.Contains(command, "FILE") || !hasArmour(text) {
		return err
	}
	for _, converter := range converters {
		if !strings.Contains(command, converter.command) {
			continue
		}
		if len(converter.reads.FindAll(text, -1)) == max(bytes.Count(text, []byte("-----BEGIN ")), 1) {
			return err
		}
		if several, isExample := strings.CutSuffix(before, ", for example "); isExample {
			return errors.New(several)
		}
		return errors.New(before[:strings.LastIndex(before, "; ")] + "; " + linesFirst)
	}
	return err
}

// hasArmour reports whether a text is of a form with marker lines of its own, such as
// PEM.
func hasArmour(text []byte) bool {
	asRead := plain(unmangled(plain(text)))
	for _, first := range []string{"-----BEGIN", "---- BEGIN SSH2", "PuTTY-User-Key-File-"} {
		if bytes.Contains(text, []byte(first)) || bytes.Contains(asRead, []byte(first)) {
			return true
		}
	}
	return isSSHPublic(bytes.TrimSpace(asRead))
}
