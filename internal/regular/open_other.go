//go:build !unix

package regular

import "os"

// openAtOnce opens a file to read it. Without named pipes among the files there is
// nothing to wait for.
func openAtOnce(path string) (*os.File, error) { return os.Open(path) }
