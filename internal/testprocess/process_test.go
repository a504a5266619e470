package testprocess

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// behave is the environment variable that makes this program run the named one of the
// children.
const behave = "TESTPROCESS_BEHAVE"

// children are the behaviours of child processes, by name.
var children = map[string]func(){
	"prints late": func() {
		fmt.Println("early")
		time.Sleep(200 * time.Millisecond)
		fmt.Println("late, in", "one line")
	},
	"has last words": func() {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		fmt.Println("a line")
		<-told
		fmt.Println("a line")
		fmt.Println("canary")
	},
	"stays": func() {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("here")
		time.Sleep(time.Hour) // an empty select would be a deadlock to the runtime
	},
	"fails": func() { os.Exit(3) },
}

func TestMain(m *testing.M) {
	if child, ok := children[os.Getenv(behave)]; ok {
		child()
		return
	}
	os.Exit(m.Run())
}

// run starts a child.
func run(t T, name string) *Process {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(program)
	command.Env = append(os.Environ(), behave+"="+name, "GORACE=atexit_sleep_ms=0")
	return Start(t, command)
}

// judged is a test that may fail without failing the real test.
type judged struct {
	*testing.T
	failures []string
	cleanups []func()
}

func (j *judged) Errorf(format string, args ...any) {
	j.failures = append(j.failures, fmt.Sprintf(format, args...))
}
func (j *judged) FailNow()            { runtime.Goexit() }
func (j *judged) Failed() bool        { return len(j.failures) > 0 }
func (j *judged) Cleanup(last func()) { j.cleanups = append(j.cleanups, last) }

// failuresOf returns the failures of a test of a child.
func failuresOf(t *testing.T, name string, test func(t T, p *Process)) string {
	t.Helper()
	j := &judged{T: t}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer func() {
			for _, cleanup := range j.cleanups {
				cleanup()
			}
		}()
		test(j, run(j, name))
	}()
	<-over
	return strings.Join(j.failures, "\n")
}

// Each way to wait for a line waits until it is printed.
func TestLateLinesAreAwaited(t *testing.T) {
	for name, test := range map[string]func(p *Process){
		"a line":           func(p *Process) { p.AwaitLine(t, "late", "one line") },
		"a number of them": func(p *Process) { p.Prints(t, 1, "late") },
		"a condition":      func(p *Process) { p.Await(t, "to be late", func(soFar Printed) bool { return soFar.Count() == 2 }) },
		"the end":          func(p *Process) { assert.Equal(t, Printed("early\nlate, in one line\n"), p.Wait(t, patience)) },
	} {
		t.Run(name, func(t *testing.T) { test(run(t, "prints late")) })
	}
}

// Output at the end of a process counts, although no call has waited for it.
func TestLastOutputIsChecked(t *testing.T) {
	terminated := func(expect func(t T, p *Process)) string {
		return failuresOf(t, "has last words", func(t T, p *Process) {
			p.AwaitLine(t, "a line")
			expect(t, p)
			p.Terminate(t, patience)
			assert.Zero(t, p.ExitCode())
		})
	}
	assert.Empty(t, terminated(func(t T, p *Process) { p.AwaitLines(t, 1, "a", "line"); p.NeverPrints("another line") }))
	assert.Contains(t, terminated(func(t T, p *Process) { p.Prints(t, 1, "a line") }), `has printed 2 lines with ["a line"], but should have printed 1`)
	assert.Contains(t, terminated(func(_ T, p *Process) { p.NeverPrints("canary") }), `has printed 1 lines with ["canary"], but should have printed 0`)
}

// Waiting fails at once if the process has ended.
func TestEndIsNoticed(t *testing.T) {
	began := time.Now()
	assert.Contains(t, failuresOf(t, "fails", func(t T, p *Process) { p.AwaitLine(t, "something") }), `to print 1 of the lines with ["something"]`)
	assert.Contains(t, failuresOf(t, "fails", func(t T, p *Process) { p.AwaitServing(t, "127.0.0.1:1") }), "to serve 127.0.0.1:1")
	assert.Less(t, time.Since(began), patience)
	p := run(t, "fails")
	assert.Empty(t, p.Wait(t, patience))
	assert.Equal(t, 3, p.ExitCode())
	assert.True(t, p.HasEnded())
}

// A process that does not end when told to is killed, and no process outlives its test.
func TestProcessesEnd(t *testing.T) {
	assert.Contains(t, failuresOf(t, "stays", func(t T, p *Process) {
		p.AwaitLine(t, "here")
		assert.Equal(t, Printed("here\n"), p.Terminate(t, 10*time.Millisecond))
		assert.Equal(t, -1, p.ExitCode())
	}), "does not end within 10ms")
	var left *Process
	assert.Empty(t, failuresOf(t, "stays", func(_ T, p *Process) { left = p }))
	assert.True(t, left.HasEnded())
}
