package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// connections are the loads: one call after the other, and far more than the
// machine has CPUs.
var connections = []int{1, 32}

// warming is how long a target is warmed up before each measurement.
const warming = 500 * time.Millisecond

// measureRounds measures every target at every load, in turn, so that whatever
// else happens on the machine happens to all of them. What a signature and a
// verification cost is measured in each round as well.
func measureRounds(ctx context.Context, p plan, targets []*target, m *material, found *results) error {
	for range p.rounds {
		if err := measureCryptography(ctx, m, found); err != nil {
			return err
		}
		script := m.wrkScript
		for _, count := range connections {
			for _, t := range targets {
				if _, err := load(ctx, t, script, count, warming); err != nil {
					return err
				}
				s, err := load(ctx, t, script, count, p.load)
				if err != nil {
					return err
				}
				if t.name == targetVerifying {
					if s.sign, s.verify, err = cryptographyUnder(ctx, t, script, count, p.load); err != nil {
						return err
					}
				}
				found.add(t.name, count, s)
			}
		}
	}
	return nil
}

// sample is one measurement of one target.
type sample struct {
	requestsPerSecond float64
	cpu               float64 // seconds of the process tree for each request
	p50, p99          float64 // seconds
	resident          float64 // bytes, the most that was seen
	sign, verify      float64 // seconds of the CPU time, for each request; of the verifying sidecar only
}

// cryptographyUnder returns what a signature and a verification take under a load,
// in seconds of CPU time. To find that out takes some itself, so it is a load of its
// own.
func cryptographyUnder(ctx context.Context, t *target, script string, count int, duration time.Duration) (sign, verify float64, err error) {
	var (
		found   shares
		failed  error
		profile sync.WaitGroup
	)
	profile.Go(func() { found, failed = t.shares(ctx, duration-time.Second) })
	s, err := load(ctx, t, script, count, duration)
	profile.Wait()
	return found.sign * s.cpu, found.verify * s.cpu, errors.Join(err, failed)
}

// load has wrk make as many calls as it can.
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
			s.resident = max(s.resident, float64(resident))
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
	s.requestsPerSecond = float64(said.Requests) / said.seconds()
	s.cpu = (after - before).Seconds() / float64(said.Requests)
	s.p50, s.p99 = float64(said.P50)/1e6, float64(said.P99)/1e6
	return s, nil
}

// wrkSaid is what wrk says of a load, by post.lua. Times are microseconds.
type wrkSaid struct {
	Requests, Microseconds int64
	Refused                int64 // answered with another status than 200
	Broken                 int64 // not answered
	P50, P99               int64
}

func (s wrkSaid) seconds() float64 { return float64(s.Microseconds) / 1e6 }

// wrk has wrk call the target by so many connections, each of which waits for the
// pause between its calls, until meanwhile returns.
func wrk(ctx context.Context, t *target, script string, count int, pause time.Duration, meanwhile func() error) (said wrkSaid, err error) {
	// wrk takes whole seconds only; told to stop, it says what it has.
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
