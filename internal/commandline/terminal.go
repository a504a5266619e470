package commandline

import "os"

// IsTerminal reports whether the file is a terminal: a character device other than the
// null device.
func IsTerminal(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// WantsColours reports whether the file is a terminal and the environment does not
// disable colours (https://no-color.org, or TERM=dumb).
func WantsColours(file *os.File) bool {
	return IsTerminal(file) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
