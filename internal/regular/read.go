// Package regular reads regular files, such as the keys, secrets and certificates that
// are mounted. It never waits for what stands in the place of one, such as a named pipe.
package regular

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// NotRegularError is why a file was not opened: something else stands in its place.
type NotRegularError struct {
	Path string
	// Mode is the mode of what stands there.
	Mode fs.FileMode
}

// Error names the file.
func (e *NotRegularError) Error() string {
	return fmt.Sprintf("%s: is not a regular file; save what it should contain to one, and name that", e.Path)
}

// Open opens a regular file to read it. What stands there in its place, such as a named
// pipe, is a *[NotRegularError] at once, and nobody waits for it. Links are followed.
// Other errors are those of the operating system.
func Open(path string) (*os.File, error) {
	// The file is looked at before it is opened, since opening a device may do
	// something, and afterwards as well, since by then another file may stand there.
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

// Read reads a regular file of at most limit bytes, as [Open] opens it. Errors name the
// file and repeat nothing of its contents.
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
