package gate

import (
	"os"
	"runtime"
	"sync"
)

// Process is the gate of the process, since its CPUs are what is short. It is
// made when it is first asked for: Caddy adjusts GOMAXPROCS before it loads a config.
var Process = sync.OnceValue(func() *Gate { return New(usableCPUs()) })

// usableCPUs returns how many CPUs the process really has: those that it may run on,
// or the quota of its cgroup, of either version, whatever GOMAXPROCS asks for beyond
// them. A part of a CPU counts as one, or as two where GOMAXPROCS is set, since that is
// how the runtime rounds.
//
// Shares of the CPU (cpu.shares, cpu.weight; Kubernetes' requests) are not looked
// at. They bound nothing while others leave the CPU idle; when they do not, signatures
// take longer, and the gate sees that.
func usableCPUs() int {
	set := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		return set // the runtime, and Caddy, have looked at all that already
	}
	runtime.SetDefaultGOMAXPROCS()
	return min(set, runtime.GOMAXPROCS(set))
}
