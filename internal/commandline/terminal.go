package commandline

import "os"

// IsTerminal reports whether somebody is looking at the file. The null device is a character
// device as well, but nobody is looking.
func IsTerminal(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// WantsColours reports whether somebody is looking at the file who wants colours
// (https://no-color.org).
func WantsColours(file *os.File) bool {
	return IsTerminal(file) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
