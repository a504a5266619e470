package keys

import (
	"github.com/caddy-payermax/caddy-payermax/internal/inuse"
	"github.com/caddy-payermax/caddy-payermax/internal/regular"
)

// inUse are the rings that handlers use.
var inUse inuse.Set[*Ring]

// Use counts the ring among those in use, until Release.
func (r *Ring) Use() { inUse.Add(r) }

// Release ends what Use began. The keys stay as they are, since requests that began
// before still sign with them.
func (r *Ring) Release() { inUse.Remove(r) }

// InUse returns the rings of all handlers that are in use.
func InUse() []*Ring { return inUse.All() }

// Directories returns where the key files of the rings in use lie: by their names,
// and where the names lead if they are links.
func Directories() []string {
	var files []string
	for _, ring := range InUse() {
		files = append(files, ring.files()...)
	}
	return regular.Directories(files...)
}
