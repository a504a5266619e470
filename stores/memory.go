package stores

import (
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterModule(new(Memory))
}

// MaxDone is the maximum number of finished keys that Memory remembers.
const MaxDone = 10_000

// Memory keeps the shared state of one process in its memory. A restart forgets it, and so
// does a reload of the config. It remembers the last 10000 finished keys.
type Memory struct {
	// Now returns the current time. Tests replace it.
	Now func() time.Time `json:"-"`

	mutex sync.Mutex
	// held is the token of the claim that holds each key.
	held expiring[Key, string]
	done expiring[Key, struct{}]
	// calls are the calls to be settled, each with the starts of its budgets' windows. rates
	// are when the next call of each rate would be due.
	calls  expiring[Key, []time.Time]
	rates  expiring[Key, time.Time]
	spent  expiring[Key, spent]
	orders expiring[Key, order]
}

// CaddyModule returns the Caddy module information.
func (*Memory) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax.stores.memory",
		New: func() caddy.Module { return NewMemory() },
	}
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{done: expiring[Key, struct{}]{limit: MaxDone}, Now: time.Now}
}

// Interface guards
var (
	_ Store        = (*Memory)(nil)
	_ caddy.Module = (*Memory)(nil)
)
