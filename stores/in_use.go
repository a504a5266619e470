package stores

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/inuse"
	"github.com/caddy-payermax/caddy-payermax/internal/regular"
)

// Remote is a store that is not in this process, and may be out of reach.
type Remote interface {
	Store
	// Health is how the store is doing. It does not ask the store.
	Health() Health
	// Check asks the store whether it answers, and can be used, within the store's own
	// timeout. The error says why not, without anything secret.
	Check(ctx context.Context) error
	// Concerns asks the store for what in its own settings is at odds with what it is
	// for, within the store's own timeout. The error says why it is not known, without
	// anything secret.
	Concerns(ctx context.Context) ([]Concern, error)
	// Files are the paths of the files that are read again while the store is in use,
	// such as that of a password.
	Files() []string
}

// Concern is what in a store's own settings is at odds with what it is for, and what to do
// about it.
type Concern struct{ Message, Next string }

// Health is how a remote store is doing.
type Health struct {
	// Name is the module's, such as redis.
	Name string
	// Reachable says whether the store answered when it was last asked. It is false
	// until it has answered for the first time.
	Reachable bool
	// Since is when that began.
	Since time.Time
	// Problem is why the store is out of reach, without anything secret.
	Problem string
}

// inUse are the remote stores that a config uses.
var inUse inuse.Set[Remote]

// Use counts a remote store among those in use, until release is called.
func Use(store Remote) (release func()) {
	inUse.Add(store)
	return func() { inUse.Remove(store) }
}

// InUse returns the remote stores in use, in the order in which they came into use.
func InUse() []Remote { return inUse.All() }

// Directories returns where the files of the remote stores in use lie: by their names,
// and where the names lead if they are links.
func Directories() []string {
	var files []string
	for _, store := range InUse() {
		files = append(files, store.Files()...)
	}
	return regular.Directories(files...)
}

// Worst returns the health of the remote store that is worst off: the one that has been
// out of reach for longest, or any if all can be reached. It is not ok if there is no
// remote store.
func Worst() (health Health, ok bool) {
	var all []Health
	for _, store := range InUse() {
		all = append(all, store.Health())
	}
	if len(all) == 0 {
		return Health{}, false
	}
	return slices.MinFunc(all, func(a, b Health) int {
		if a.Reachable != b.Reachable {
			if b.Reachable {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Since.UnixNano(), b.Since.UnixNano())
	}), true
}
