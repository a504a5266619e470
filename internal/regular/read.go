// Package regular reads regular files, such as mounted keys, secrets and certificates. It
// never blocks on something else in the place of a file, such as a named pipe.
package regular

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// NotRegularError is the error for something that is not a regular file.
type NotRegularError struct {
	Path string
	// Mode is the mode of what is at Path.
	Mode fs.FileMode
}

// Error returns a text that names the file.
func (e *NotRegularError) Error() string {
	return fmt.Sprintf("%s: is not a regular file; save what it should contain to one, and name that", e.Path)
}

// Open opens a regular file for reading. For anything else, such as a named pipe, it
// immediately returns a *[NotRegularError]. It follows symbolic links. Other errors are
// those of the operating system.
func Open(path string) (*os.File, error) {
	// Check the file before opening it, since opening a device can have side effects, and
	// again afterwards, since it may have been replaced meanwhile.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &NotRegularError{path, info.Mode()}
	}
	file, err := openAtOnce(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &NotRegularError{path, info.Mode()}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// Read reads a regular file of at most limit bytes, which it opens with [Open]. Errors
// name the file and do not repeat its contents.
func Read(path string, limit int64) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(content)) > limit:
		return nil, fmt.Errorf("%s: is larger than %d KiB", path, limit>>10)
	}
	return content, nil
}
