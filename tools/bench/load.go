package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// allConnections are the loads: one call after the other, and far more concurrent calls than the
// machine has CPUs.
var allConnections = []int{1, 32}

// warming is how long a target is warmed up before each measurement.
const warming = 500 * time.Millisecond

// measureRounds measures every target at every load, in turn, so that anything else that happens on
// the machine affects all of them. The cost of a signature and a verification is measured in each
// round as well.
func measureRounds(ctx context.Context, p plan, targets []*target, m *material, found *results) error {
	for range p.rounds {
		if err := measureCryptography(ctx, m, found); err != nil {
			return err
		}
		script := m.wrkScript
		for _, count := range allConnections {
			for _, t := range targets {
				if _, err := load(ctx, t, script, count, warming); err != nil {
					return err
				}
				s, err := load(ctx, t, script, count, p.load)
				if err != nil {
					return err
				}
				if t.name == targetVerifying {
					under, err := profileUnder(ctx, t, script, count, p.load)
					if err != nil {
						return err
					}
					s.Sign, s.Verify = under.of(partSign), under.of(partAnswer)
				}
				found.add(t.name, count, s)
			}
		}
	}
	return nil
}

// sample is one measurement of one target.
type sample struct {
	RequestsPerSecond float64
	CPU               float64 // seconds of CPU time of the process tree, per request
	P50, P99          float64 // seconds
	Resident          float64 // bytes, the highest value seen
	Sign, Verify      float64 `json:",omitzero"` // seconds of the CPU time per request; only for a sidecar that signs by Go
}

// load has wrk make as many calls as it can, for the duration.
func load(ctx context.Context, t *target, script string, count int, duration time.Duration) (sample, error) {
	var s sample
	before, err := t.cpu()
	if err != nil {
		return s, err
	}
	said, err := wrk(ctx, t, script, count, 0, func() error {
		for ends := time.Now().Add(duration); time.Now().Before(ends); time.Sleep(100 * time.Millisecond) {
			resident, err := t.memory("VmRSS")
			if err != nil {
				return err
			}
			s.Resident = max(s.Resident, float64(resident))
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	after, err := t.cpu()
	if err != nil {
		return s, err
	}
	if failed := said.Refused + said.Broken; failed > 0 || said.Requests == 0 {
		return s, fmt.Errorf("%s: %d of %d requests failed", t.name, failed, said.Requests)
	}
	s.RequestsPerSecond = float64(said.Requests) / said.seconds()
	s.CPU = (after - before).Seconds() / float64(said.Requests)
	s.P50, s.P99 = float64(said.P50)/1e6, float64(said.P99)/1e6
	return s, nil
}

// wrkSaid is wrk's report on a load, written by post.lua. Times are in microseconds.
type wrkSaid struct {
	Requests, Microseconds int64
	Refused                int64 // answered with another status than 200
	Broken                 int64 // not answered
	P50, P99               int64
}

func (s wrkSaid) seconds() float64 { return float64(s.Microseconds) / 1e6 }

// wrk has wrk call the target over the given number of connections, each of which pauses between
// its calls, until meanwhile returns.
func wrk(ctx context.Context, t *target, script string, count int, pause time.Duration, meanwhile func() error) (said wrkSaid, err error) {
	// wrk accepts only whole seconds. When interrupted, it reports its results so far.
	command := exec.CommandContext(ctx, "wrk", "-t1", fmt.Sprintf("-c%d", count), "-d60s", "--timeout", "10s", "-s", script, t.url(sessionPath))
	command.Env = append(os.Environ(), "BENCH_REQUEST="+request, fmt.Sprintf("BENCH_PAUSE=%d", pause.Milliseconds()))
	var output strings.Builder
	command.Stdout = &output
	if err := command.Start(); errors.Is(err, exec.ErrNotFound) {
		return said, errors.New("wrk is needed; install it")
	} else if err != nil {
		return said, err
	}
	failed := meanwhile()
	if err := command.Process.Signal(os.Interrupt); err != nil {
		return said, err
	}
	if err := errors.Join(failed, command.Wait()); err != nil {
		return said, fmt.Errorf("wrk: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(output.String()), "\n")
	return said, json.Unmarshal([]byte(lines[len(lines)-1]), &said)
}
