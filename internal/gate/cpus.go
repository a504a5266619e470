package gate

import (
	"sync"

	"github.com/caddy-payermax/caddy-payermax/internal/cpus"
)

// Process is the gate of the process, since its CPUs are what is short. It is
// made when it is first asked for: Caddy adjusts GOMAXPROCS before it loads a config.
var Process = sync.OnceValue(func() *Gate { return New(cpus.Usable()) })
