package confinement

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// readRights and writeRights are the rights below a path, fileReadRights those for a
// single file. None of them allows executing a file.
const (
	fileReadRights = ll.AccessFSReadFile
	readRights     = fileReadRights | ll.AccessFSReadDir
	writeRights    = readRights | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSMakeDir |
		ll.AccessFSMakeSock | ll.AccessFSRemoveFile | ll.AccessFSRemoveDir
)

// Paths are the paths that a process may read, and those that it may read and write:
// directories, including everything below them, or files.
type Paths struct{ Read, Write []string }

// Absolute returns the paths in a form in which they can be compared: absolute, sorted,
// and without duplicates.
func (p Paths) Absolute() (Paths, error) {
	for _, list := range []*[]string{&p.Read, &p.Write} {
		clean := make([]string, 0, len(*list))
		for _, path := range *list {
			if path == "" {
				continue
			}
			path, err := filepath.Abs(path)
			if err != nil {
				return p, err
			}
			clean = append(clean, path)
		}
		slices.Sort(clean)
		*list = slices.Compact(clean)
	}
	return p, nil
}

// Beyond returns the first of the paths that held does not cover.
func (p Paths) Beyond(held Paths) (string, bool) {
	for _, path := range p.Write {
		if !isBelow(path, held.Write) {
			return path, true
		}
	}
	for _, path := range p.Read {
		if !isBelow(path, held.Read) && !isBelow(path, held.Write) {
			return path, true
		}
	}
	return "", false
}

// isBelow reports whether a path equals one of the others or is below one.
func isBelow(path string, others []string) bool {
	return slices.ContainsFunc(others, func(other string) bool {
		return path == other || strings.HasPrefix(path, strings.TrimSuffix(other, "/")+"/")
	})
}

// rules returns the paths as Landlock rules.
func (p Paths) rules() []landlock.Rule {
	rules := []landlock.Rule{landlock.PathAccess(writeRights, p.Write...).IgnoreIfMissing()}
	for _, path := range p.Read {
		rights := landlock.AccessFSSet(readRights)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			rights = fileReadRights
		}
		rules = append(rules, landlock.PathAccess(rights, path).IgnoreIfMissing())
	}
	return rules
}
