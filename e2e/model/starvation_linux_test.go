package model

import (
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// These events starve a process of one of the machine's resources. Each is over before the step
// ends, because calls that wait for a connection wait for the end of the event.
func init() {
	events = append(events,
		&event{name: "no descriptor is left for a moment", isolates: true, starves: true, cuts: true, during: func(w *world, t *rapid.T) {
			pid := w.sidecar.Pid()
			var before unix.Rlimit
			require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before))
			require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 4, Max: before.Max}, nil))
			time.Sleep(standsStill(t))
			require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil))
		}},
		&event{name: "the process stands still for a moment", during: func(w *world, t *rapid.T) {
			w.sidecar.Signal(t, syscall.SIGSTOP)
			time.Sleep(standsStill(t))
			w.sidecar.Signal(t, syscall.SIGCONT)
		}},
	)
}

// standsStill draws how long the process stands still, up to more than a call's timeout.
func standsStill(t *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(0, int(timeout/time.Millisecond)*12/10).Draw(t, "for ms")) * time.Millisecond
}
