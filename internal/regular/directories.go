package regular

import (
	"maps"
	"path/filepath"
	"slices"
)

// Directories returns the directories of files: those in their paths, and those that the
// paths lead to through symbolic links.
func Directories(files ...string) []string {
	directories := make(map[string]struct{})
	for _, path := range files {
		path, err := filepath.Abs(path)
		if err != nil {
			continue
		}
		directories[filepath.Dir(path)] = struct{}{}
		if target, err := filepath.EvalSymlinks(path); err == nil {
			directories[filepath.Dir(target)] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(directories))
}
