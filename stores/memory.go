package stores

import (
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterModule(new(Memory))
}

// MaxDone is how many things that are done Memory remembers at most.
const MaxDone = 10_000

// Memory keeps what one process shares, in its memory. A restart forgets it, and so
// does a reload of the config. Of what is done, it remembers the last 10000.
type Memory struct {
	// Now returns the time. Tests put another clock in its place.
	Now func() time.Time `json:"-"`

	mutex sync.Mutex
	// held is who holds a claim, by the claim's token.
	held expiring[Key, string]
	done expiring[Key, struct{}]
	// calls are those to be settled, by when the windows of their budgets began; rates
	// are when their next calls would be due.
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

// NewMemory returns a store that is empty.
func NewMemory() *Memory {
	return &Memory{done: expiring[Key, struct{}]{limit: MaxDone}, Now: time.Now}
}

// Interface guards
var (
	_ Store        = (*Memory)(nil)
	_ caddy.Module = (*Memory)(nil)
)
