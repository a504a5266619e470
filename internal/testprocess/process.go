// Package testprocess runs programs whose output a test examines.
//
// The output of a process reaches the test with a delay: between them are a pipe and the
// goroutine that empties it. So a test that looks right after an answer may look too
// early, and only when the process has ended is it certain that something was never
// printed. Therefore tests wait for a line ([Process.AwaitLine], [Process.Await]); how
// often something is printed, or that it never is, is checked when the process has ended
// ([Process.Prints], [Process.NeverPrints]); and the complete output is returned at the
// end ([Process.Terminate], [Process.Wait], [Process.Kill]).
package testprocess

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for something that should happen at once, on a
// machine that may be busy.
const patience = time.Minute

// T is the part of a test that a process needs. It may be a test of rapid's.
type T interface {
	require.TestingT
	Helper()
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
}

// Process is a program that runs until the end of its test at the latest.
type Process struct {
	command *exec.Cmd
	output  Output
	ended   chan struct{}

	mutex    sync.Mutex
	expected []expectation
}

// expectation is the number of lines with all parts that the complete output must have.
type expectation struct {
	parts []string
	count int
}

// Start starts a program and keeps its output. At the end of the test, the process is
// killed if it is still running, the expectations about its output are checked, and if
// the test has failed, the end of the output is logged.
func Start(t T, command *exec.Cmd) *Process {
	t.Helper()
	return StartWithin(t, command, func(start func() error) error { return start() })
}

// StartWithin is Start for a process that must be started in another environment, such as
// another network namespace.
func StartWithin(t T, command *exec.Cmd, within func(start func() error) error) *Process {
	t.Helper()
	p := &Process{command: command, ended: make(chan struct{})}
	command.Stdout, command.Stderr = &p.output, &p.output
	if command.WaitDelay == 0 {
		command.WaitDelay = patience // for children of the process, which may hold the pipe open
	}
	require.NoError(t, within(command.Start))
	go func() {
		defer close(p.ended)
		_ = command.Wait() // returns when all output is read; ExitCode says how the process ended
	}()
	t.Cleanup(func() {
		p.judge(t, p.Kill())
		if t.Failed() {
			t.Logf("the end of what %s has printed:\n%s", p.name(), p.SoFar().Tail())
		}
	})
	return p
}

// judge checks the output against the expectations.
func (p *Process) judge(t T, printed Printed) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, e := range p.expected {
		if found := printed.Lines(e.parts...); len(found) != e.count {
			assert.Fail(t, fmt.Sprintf("%s has printed %d lines with %q, but should have printed %d", p.name(), len(found), e.parts, e.count),
				"%s", shorten(found))
		}
	}
}

func (p *Process) name() string { return filepath.Base(p.command.Path) }

// AwaitReady waits until the process is ready. It fails at once if the process ends instead.
func (p *Process) AwaitReady(t T, ready func() bool) {
	t.Helper()
	p.awaitAlive(t, "to be ready", ready)
}

// AwaitServing waits until the process accepts connections on each of the TCP addresses.
func (p *Process) AwaitServing(t T, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		p.awaitAlive(t, "to serve "+address, func() bool {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
}

// awaitAlive waits until a condition holds while the process has not ended.
func (p *Process) awaitAlive(t T, what string, condition func() bool) {
	t.Helper()
	p.poll(t, patience, what, func() bool { return !p.HasEnded() && condition() })
}

// AwaitLine waits until the process has printed a line with all parts.
func (p *Process) AwaitLine(t T, parts ...string) {
	t.Helper()
	p.AwaitLines(t, 1, parts...)
}

// AwaitLines waits until at least count lines have all parts.
func (p *Process) AwaitLines(t T, count int, parts ...string) {
	t.Helper()
	p.Await(t, fmt.Sprintf("to print %d of the lines with %q", count, parts), func(soFar Printed) bool { return soFar.Count(parts...) >= count })
}

// Await waits until the output so far fulfils a condition. The argument what names the
// expected action, such as "to reload". The process may have ended.
func (p *Process) Await(t T, what string, condition func(soFar Printed) bool) {
	t.Helper()
	p.AwaitWithin(t, patience, what, condition)
}

// AwaitWithin is Await with a limit, for what may take longer than patience.
func (p *Process) AwaitWithin(t T, limit time.Duration, what string, condition func(soFar Printed) bool) {
	t.Helper()
	p.poll(t, limit, what, func() bool { return condition(p.SoFar()) })
}

// poll waits for a condition, until the limit or the end of the process.
func (p *Process) poll(t T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	const longest = 50 * time.Millisecond
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, longest) {
		isLast := p.HasEnded() || time.Now().After(deadline) // must be determined before the condition
		if condition() {
			return
		}
		if isLast {
			require.FailNow(t, "timed out waiting for "+p.name()+" "+what, "it has ended: %t", p.HasEnded())
		}
		time.Sleep(pause)
	}
}

// Prints waits until count lines have all parts. At the end of the test, it is checked
// that there are no more of them.
func (p *Process) Prints(t T, count int, parts ...string) {
	t.Helper()
	p.expect(count, parts)
	p.AwaitLines(t, count, parts...)
}

// NeverPrints makes the test fail at its end if any line of the process has all parts,
// whenever it was printed.
func (p *Process) NeverPrints(parts ...string) { p.expect(0, parts) }

func (p *Process) expect(count int, parts []string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.expected = append(p.expected, expectation{parts, count})
}

// Signal sends a signal.
func (p *Process) Signal(t T, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(signal))
}

// Terminate ends the process with SIGTERM, like an orchestrator, unless it has ended
// already. It returns the complete output.
func (p *Process) Terminate(t T, within time.Duration) Printed {
	t.Helper()
	_ = p.command.Process.Signal(syscall.SIGTERM)
	return p.Wait(t, within)
}

// Wait waits for the end of a process that ends on its own or has been told to end. If it
// does not end in time, it is killed, and the test fails. Wait returns the complete
// output.
func (p *Process) Wait(t T, within time.Duration) Printed {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		assert.Fail(t, fmt.Sprintf("%s does not end within %v", p.name(), within))
	}
	return p.Kill()
}

// Kill kills the process, unless it has ended already, and returns the complete output.
func (p *Process) Kill() Printed {
	_ = p.command.Process.Kill()
	<-p.ended
	return Printed(p.output.String())
}

// HasEnded reports whether the process has ended.
func (p *Process) HasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// ExitCode waits for the end of the process and returns its exit code, or -1 if a signal
// has ended it.
func (p *Process) ExitCode() int {
	<-p.ended
	return p.command.ProcessState.ExitCode()
}

// Pid returns the ID of the process.
func (p *Process) Pid() int { return p.command.Process.Pid }

// SoFar returns what the test has read so far, for messages and for loops that continue
// until it is enough. Do not conclude anything from what is missing: more may be on its
// way.
func (p *Process) SoFar() Printed { return Printed(p.output.String()) }
