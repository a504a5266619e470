package stores

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/inuse"
	"github.com/caddy-payermax/caddy-payermax/internal/regular"
)

// Remote is a store outside this process, which may be unreachable.
type Remote interface {
	Store
	// Health returns the state of the store, without contacting it.
	Health() Health
	// Check asks the store whether it answers and can be used, within the store's own
	// timeout. The error says why not, without any secret.
	Check(ctx context.Context) error
	// Concerns asks the store for settings of its own that conflict with its purpose, within
	// the store's own timeout. The error says why they are unknown, without any secret.
	Concerns(ctx context.Context) ([]Concern, error)
	// Files returns the paths of the files that are read again while the store is in use,
	// such as a password file.
	Files() []string
}

// Concern describes a setting of a store that conflicts with its purpose, and what to do
// about it.
type Concern struct{ Message, Next string }

// Health is the state of a remote store.
type Health struct {
	// Name is the module's name, such as redis.
	Name string
	// Reachable reports whether the store answered when it was last asked. It is false until
	// the store has answered for the first time.
	Reachable bool
	// Since is when the current value of Reachable began.
	Since time.Time
	// Problem is why the store cannot be reached, without any secret.
	Problem string
}

// inUse are the remote stores that configs use.
var inUse inuse.Set[Remote]

// Use adds a remote store to those in use, until release is called.
func Use(store Remote) (release func()) {
	inUse.Add(store)
	return func() { inUse.Remove(store) }
}

// InUse returns the remote stores in use, in the order in which they came into use.
func InUse() []Remote { return inUse.All() }

// Directories returns the directories of the files of the remote stores in use: those in
// their paths and, for links, also those of their targets.
func Directories() []string {
	var files []string
	for _, store := range InUse() {
		files = append(files, store.Files()...)
	}
	return regular.Directories(files...)
}

// Worst returns the health of the remote store in the worst state: the one that has been
// unreachable for longest, or any if all can be reached. ok is false if there is no remote
// store.
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
