//go:build unix

package signer

import (
	"os"
	"syscall"
)

// openAtOnce opens a file to read it. A named pipe is opened without waiting for
// somebody who writes to it, and a terminal does not become the process's own.
func openAtOnce(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}
