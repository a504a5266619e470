//go:build unix

package regular

import (
	"os"
	"syscall"
)

// openAtOnce opens a file to read it, and a named pipe without waiting for somebody
// who writes to it.
func openAtOnce(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}
