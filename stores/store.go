// Package stores keeps what the replicas of a sidecar share: which notifications are
// being delivered or are done, and what of the rates and budgets is used up. The store
// memory, which is the default, shares it within one process; the module
// stores/redis, within all that have the same Redis or Valkey.
package stores

// Store is where shared state lives. Guest modules in the namespace payermax.stores
// implement it; a configuration names one by its module.
//
// All methods may be called at once. Each is bounded by the store's own timeout, is one
// round trip, and may be sent to a remote store twice, if the first answer was lost:
// the second time must change nothing. Windows and leases are compared by the store's
// clock, never by the replicas', and everything that is kept has a time to live. An
// error means that it is unknown whether the operation took place.
type Store interface {
	Claims
	Reservations
}

// Identified is a store of which a process may have several.
type Identified interface {
	// Identity is the same for two handlers, or for a handler before a reload and after
	// it, if what they count is in the same place. It follows from the store's settings
	// alone, so that it is known before the store is provisioned. It is "" if there is a
	// mistake in them.
	Identity() string
}
