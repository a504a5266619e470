package gate

import (
	"sync"

	"github.com/caddy-payermax/caddy-payermax/internal/cpus"
)

// Process returns the gate of the process, since its CPUs are the scarce resource. The gate
// is created on first use: Caddy adjusts GOMAXPROCS before it loads a config.
var Process = sync.OnceValue(func() *Gate { return New(cpus.Usable()) })
