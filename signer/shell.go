package signer

import "strings"

// shellSafe are the characters that no shell takes for anything else.
const shellSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./@%+,:-"

// ShellPath writes the path of a file so that it can be pasted into a POSIX shell as an
// argument, whatever characters it has.
func ShellPath(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	if path != "" && consistsOf(path, shellSafe) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
