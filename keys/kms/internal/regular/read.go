// Package regular reads files that are files: secrets and certificates that are
// mounted, which nobody should have to wait for.
package regular

import (
	"fmt"
	"io"
	"os"
)

// Read reads a regular file of at most limit bytes. What stands there in its place,
// such as a named pipe, is an error at once. Links are followed. Errors name the
// file and repeat nothing of its contents.
func Read(path string, limit int64) ([]byte, error) {
	// It is looked at before it is opened, since to open a device may do something,
	// and afterwards as well, since by then another file may stand there.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, errNotRegular(path)
	}
	file, err := openAtOnce(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	switch info, err := file.Stat(); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotRegular(path)
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(content)) > limit:
		return nil, fmt.Errorf("%s: is larger than %d KiB", path, limit>>10)
	}
	return content, nil
}

func errNotRegular(path string) error {
	return fmt.Errorf("%s: is not a regular file; save what it should contain to one, and name that", path)
}
