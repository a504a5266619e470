package keys

import (
	"maps"
	"path/filepath"
	"slices"
	"sync"
)

// rings are those that handlers use. Probes and metrics ask for them when they are
// asked themselves, so that keys which are gone leave nothing behind.
type rings struct {
	mutex sync.Mutex
	used  map[*Ring]struct{}
}

var inUse = &rings{used: make(map[*Ring]struct{})}

// Use counts the ring among those in use, until Release.
func (r *Ring) Use() {
	inUse.mutex.Lock()
	defer inUse.mutex.Unlock()
	inUse.used[r] = struct{}{}
}

// Release ends what Use began. The keys stay as they are, since requests that began
// before still sign with them.
func (r *Ring) Release() {
	inUse.mutex.Lock()
	defer inUse.mutex.Unlock()
	delete(inUse.used, r)
}

// InUse returns the rings of all handlers that are in use, in no particular order.
func InUse() []*Ring {
	inUse.mutex.Lock()
	defer inUse.mutex.Unlock()
	return slices.Collect(maps.Keys(inUse.used))
}

// Directories returns where the key files of the rings in use lie: by their names,
// and where the names lead if they are links.
func Directories() []string {
	directories := make(map[string]struct{})
	for _, ring := range InUse() {
		for _, path := range ring.files() {
			path, err := filepath.Abs(path)
			if err != nil {
				continue
			}
			directories[filepath.Dir(path)] = struct{}{}
			if target, err := filepath.EvalSymlinks(path); err == nil {
				directories[filepath.Dir(target)] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(directories))
}
