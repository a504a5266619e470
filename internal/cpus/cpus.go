// Package cpus knows how many CPUs the process has. Signatures are bounded by them,
// whichever way they are computed.
package cpus

import (
	"os"
	"runtime"
)

// Usable returns how many CPUs the process really has: those that it may run on, or the
// quota of its cgroup, of either version, whatever GOMAXPROCS asks for beyond them. A
// part of a CPU counts as one, or as two where GOMAXPROCS is set, since that is how the
// runtime rounds. Caddy adjusts GOMAXPROCS before it loads a config, so ask afterwards.
//
// Shares of the CPU (cpu.shares, cpu.weight; Kubernetes' requests) are not looked
// at. They bound nothing while others leave the CPU idle; when they do not, signatures
// take longer, and the gate sees that.
func Usable() int {
	set := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		return set // the runtime, and Caddy, have looked at all that already
	}
	runtime.SetDefaultGOMAXPROCS()
	return min(set, runtime.GOMAXPROCS(set))
}
