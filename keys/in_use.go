package keys

import (
	"maps"
	"slices"
	"sync"

	"github.com/caddy-payermax/caddy-payermax/internal/regular"
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
	var files []string
	for _, ring := range InUse() {
		files = append(files, ring.files()...)
	}
	return regular.Directories(files...)
}
