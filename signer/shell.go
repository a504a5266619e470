package signer

import "strings"

// shellSafe are the characters that have no special meaning in any shell.
const shellSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./@%+,:-"

// ShellPath quotes the path of a file if necessary, so that it can be pasted into a POSIX
// shell as an argument. A path that begins with a hyphen gets ./ before it.
func ShellPath(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	if path != "" && consistsOf(path, shellSafe) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
