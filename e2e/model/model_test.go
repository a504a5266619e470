// Package model drives the binary with random sequences of calls, notifications, rotations,
// reloads, faults, clock jumps and kills, and compares the result of each step with a model of what
// may happen. It checks the promises of SECURITY.md: nothing unsigned leaves, nothing unverified
// arrives, no call is made twice, each call has one log line, limits hold, and the metrics, the
// log, the gateway and the application agree.
//
// It shares no code with the binary. Go's fuzzer would need a separate encoding of the same
// actions, and does not shrink sequences; rapid generates and shrinks them.
package model

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// binary is the path of the Caddy under test: CADDY_BINARY, or a binary built here, with the race
// detector if the tests have it.
var binary = os.Getenv("CADDY_BINARY")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if binary != "" {
		return m.Run()
	}
	folder, err := os.MkdirTemp("", "model")
	if err == nil {
		defer os.RemoveAll(folder)
		binary = filepath.Join(folder, "caddy")
		build := exec.Command("go", "build", "-buildvcs=false", fmt.Sprintf("-race=%t", hasRaceDetector()), "-o", binary, "./caddy")
		build.Dir = "../.."
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the binary cannot be built:", err)
		return 1
	}
	return m.Run()
}

func hasRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// modelTime is how long new sequences are tried: MODEL_TIME, or just long enough to see that each
// kind of step works.
func modelTime(t *testing.T) time.Duration {
	text := os.Getenv("MODEL_TIME")
	if text == "" {
		return 20 * time.Second
	}
	limit, err := time.ParseDuration(text)
	require.NoError(t, err)
	return limit
}

// Whatever happens, in whatever order, the promises hold after each step. A sequence that breaks
// one is shrunk and written to testdata, where it is tried again in each run. The
// sequences are the same in each run, unless MODEL_TIME is a minute or more. To set the seed or
// the length of sequences, use the flags of rapid.
func TestModel(t *testing.T) {
	at := newAddresses(t)
	if flag.Lookup("rapid.seed").Value.String() != "0" || flag.Lookup("rapid.failfile").Value.String() != "" {
		rapid.Check(t, func(rt *rapid.T) { runSequence(rt, at) })
		return
	}
	began, done := time.Now(), new(tally)
	require.NoError(t, flag.Set("rapid.checks", strconv.Itoa(1)))
	t.Cleanup(func() { _ = flag.Set("rapid.seed", "0") })
	for seed := 1; time.Since(began) < modelTime(t) && !t.Failed(); seed++ {
		if modelTime(t) < time.Minute {
			require.NoError(t, flag.Set("rapid.seed", strconv.Itoa(seed)))
		}
		rapid.Check(t, func(rt *rapid.T) { done.add(runSequence(rt, at)) })
	}
	t.Logf("%v: %s", time.Since(began).Round(time.Second), done)
}

// runSequence runs one sequence of steps with a new sidecar.
func runSequence(rt *rapid.T, at addresses) *tally {
	w := newWorld(rt, at)
	defer w.end()
	actions := make(map[string]func(*rapid.T))
	for _, e := range events {
		actions[e.name] = func(rt *rapid.T) { w.step(rt, e) }
	}
	rt.Repeat(actions)
	w.settle(rt)
	return &w.done
}

// tally counts what was tried.
type tally struct{ sequences, steps, calls, made, notifications, restarts, reloads, rotations int }

func (a *tally) add(b *tally) {
	a.sequences++
	a.steps += b.steps
	a.calls += b.calls
	a.made += b.made
	a.notifications += b.notifications
	a.restarts += b.restarts
	a.reloads += b.reloads
	a.rotations += b.rotations
}

func (a *tally) String() string {
	return fmt.Sprintf("%d sequences of %d steps: %d calls, of which the gateway got %d, %d notifications, %d restarts, %d reloads, %d changes of keys",
		a.sequences, a.steps, a.calls, a.made, a.notifications, a.restarts, a.reloads, a.rotations)
}
