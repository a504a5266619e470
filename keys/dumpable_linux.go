package keys

import "golang.org/x/sys/unix"

// forbidDumps keeps the process's memory, and so the keys, out of core dumps and away
// from other processes of the same user (ptrace, /proc/<pid>/mem).
func forbidDumps() error {
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
