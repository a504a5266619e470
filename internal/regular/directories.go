package regular

import (
	"maps"
	"path/filepath"
	"slices"
)

// Directories returns where files lie: by their names, and where the names lead if they
// are links.
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
