package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// newFile is a file to write under a name that does not exist yet.
type newFile struct {
	path    string
	content []byte
	mode    os.FileMode
}

// The modes of the written files, regardless of the umask.
const (
	privateMode os.FileMode = 0o600
	publicMode  os.FileMode = 0o644
)

// exists returns the no for a file that exists already.
func exists(path string) error {
	return no{fmt.Errorf("nothing was written: %s already exists and is not overwritten; choose another name, or move it first", path)}
}

// notWritten returns the no for a file that cannot be written. It drops the path in err,
// a temporary file that means nothing to the user.
func notWritten(path string, err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	}
	if inner, ok := errors.AsType[*os.LinkError](err); ok {
		err = inner.Err
	}
	return no{fmt.Errorf("nothing was written: %s cannot be created: %w", path, err)}
}

// checkNew returns a no if any of the files exists, before any work is done.
func checkNew(paths ...string) error {
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			return exists(path)
		}
	}
	return nil
}

// writeNew writes all of the files or none of them. Each appears under its name only when
// it is complete, and none replaces another file. The error is a no.
func writeNew(files ...newFile) (err error) {
	var written []string
	defer func() {
		if err != nil {
			for _, path := range written {
				_ = os.Remove(path)
			}
		}
	}()
	temporary := make([]string, len(files))
	for i, file := range files {
		if temporary[i], err = writeTemporary(file); err != nil {
			return notWritten(file.path, err)
		}
		defer os.Remove(temporary[i])
	}
	for i, file := range files {
		// A link, unlike a rename, does not replace an existing file. File systems without
		// links, such as FAT, have no permissions either, so they are not suitable for keys.
		switch err = os.Link(temporary[i], file.path); {
		case errors.Is(err, fs.ErrExist):
			return exists(file.path)
		case err != nil:
			return notWritten(file.path, err)
		}
		written = append(written, file.path)
		syncDirectory(filepath.Dir(file.path))
	}
	return nil
}

// writeTemporary writes the content to a temporary file in the same directory.
func writeTemporary(file newFile) (path string, err error) {
	f, err := os.CreateTemp(filepath.Dir(file.path), ".payermax-*") // has mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(file.content); err != nil {
		return "", err
	}
	if err := f.Chmod(file.mode); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

// syncDirectory makes new names in a directory durable, where the system supports that.
func syncDirectory(path string) {
	if directory, err := os.Open(path); err == nil {
		_ = directory.Sync()
		_ = directory.Close()
	}
}
