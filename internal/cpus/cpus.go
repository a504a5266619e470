// Package cpus provides the number of CPUs that the process has. They limit how many
// signatures are computed at a time, whichever engine computes them.
package cpus

import (
	"os"
	"runtime"
)

// Usable returns how many CPUs the process really has: the ones that it may run on, or
// the quota of its cgroup (v1 or v2), even if GOMAXPROCS is larger. A fraction of a CPU
// counts as one, or as two if GOMAXPROCS is set, since that is how the runtime rounds.
// Caddy adjusts GOMAXPROCS before it loads a config, so call Usable after that.
//
// CPU shares (cpu.shares, cpu.weight; Kubernetes' requests) are ignored. They limit
// nothing while other processes leave the CPU idle; otherwise signatures take longer, and
// the gate notices that.
func Usable() int {
	set := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		return set // the runtime and Caddy have taken all of that into account
	}
	runtime.SetDefaultGOMAXPROCS()
	return min(set, runtime.GOMAXPROCS(set))
}
