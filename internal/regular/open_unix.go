//go:build unix

package regular

import (
	"os"
	"syscall"
)

// openAtOnce opens a file for reading. It does not block on a named pipe without a
// writer.
func openAtOnce(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}
