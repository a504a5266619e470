package stores

import (
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func init() {
	caddy.RegisterModule(new(Memory))
}

// maxDone is how many things that are done are remembered at most.
const maxDone = 10_000

// Memory keeps what one process shares, in its memory. A restart forgets it, and so
// does a reload of the config. Of what is done, it remembers the last 10000.
type Memory struct {
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
	// now is the store's clock.
	now func() time.Time
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
	return &Memory{done: expiring[Key, struct{}]{limit: maxDone}, now: time.Now}
}

// Interface guards
var (
	_ Store        = (*Memory)(nil)
	_ caddy.Module = (*Memory)(nil)
)
