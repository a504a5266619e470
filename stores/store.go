// Package stores keeps what the replicas of a sidecar share: which notifications are being
// delivered or are done, and how much of the rates and budgets is used up. The default store,
// memory, shares it within one process. The module stores/redis shares it among all processes
// that use the same Redis or Valkey.
package stores

// Store is where shared state lives. Guest modules in the namespace payermax.stores implement
// it; a config names one by its module.
//
// All methods are safe for concurrent use. Each is one round trip, bounded by the store's own
// timeout. It may be sent to a remote store twice, if the first answer was lost: the second
// time must change nothing. Windows and leases follow the store's clock, never the replicas',
// and everything that is stored has a time to live. An error means that it is unknown whether
// the operation took place.
type Store interface {
	Claims
	Reservations
}

// Identified is a store of which a process may have several instances.
type Identified interface {
	// Identity is equal for two handlers, or for a handler before and after a reload, if they
	// count in the same place. It depends only on the store's settings, so that it is known
	// before the store is provisioned. It is "" if the settings contain a mistake.
	Identity() string
}
