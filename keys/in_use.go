package keys

import (
	"github.com/caddy-payermax/caddy-payermax/internal/inuse"
	"github.com/caddy-payermax/caddy-payermax/internal/regular"
)

// inUse is the set of rings that handlers use.
var inUse inuse.Set[*Ring]

// Use adds the ring to those in use, until Release is called.
func (r *Ring) Use() { inUse.Add(r) }

// Release undoes Use. The keys stay usable, because requests that began earlier still
// sign with them.
func (r *Ring) Release() { inUse.Remove(r) }

// InUse returns the rings of all handlers that are in use.
func InUse() []*Ring { return inUse.All() }

// Directories returns the directories of the key files of the rings in use: those that
// the paths name and, for symbolic links, those of the targets.
func Directories() []string {
	var files []string
	for _, ring := range InUse() {
		files = append(files, ring.files()...)
	}
	return regular.Directories(files...)
}
