package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// verdict is the outcome of a mutant.
type verdict string

const (
	killed     verdict = "killed"
	lived      verdict = "lived"
	notCovered verdict = "not covered"
	timedOut   verdict = "timed out"
)

// court has the test binaries that judge the mutants of a package.
type court struct {
	dir, work, overlay string
	slowest, patience  time.Duration
	progress           io.Writer
	judges             []judge
}

// judge is a test binary, with its tests sorted by CPU time.
type judge struct {
	folder, binary string
	tests          []test
}

type test struct {
	name    string
	takes   time.Duration
	cpu     time.Duration // CPU time of the test, which does not depend on how busy the machine is
	reaches map[int]bool  // IDs of the mutants that the test reaches
}

// appoint builds the tests of a package, and runs each by itself to find out which mutants it
// reaches.
func (c *court) appoint(ctx context.Context, folder string) error {
	binary, err := filepath.Abs(filepath.Join(c.work, fmt.Sprintf("%d.test", len(c.judges))))
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", c.overlay, "-o", binary, "./"+folder)
	build.Dir = c.dir
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building them with the mutants: %w\n%s", err, said)
	}
	if _, err := os.Stat(binary); errors.Is(err, os.ErrNotExist) {
		return errors.New("there are none")
	}
	j := judge{folder: folder, binary: binary}
	var names bytes.Buffer
	if said, _, err := c.run(ctx, j, 0, "", time.Minute, &names, "-test.list", "^(Test|Fuzz|Example)"); err != nil || said != lived {
		return fmt.Errorf("listing them: %w\n%s", err, names.Bytes())
	}
	for name := range strings.Lines(names.String()) {
		t, err := c.trace(ctx, j, strings.TrimSpace(name))
		if err != nil {
			return err
		}
		if t != nil {
			j.tests = append(j.tests, *t)
		}
	}
	slices.SortFunc(j.tests, func(a, b test) int { return cmp.Compare(a.cpu, b.cpu) })
	c.judges = append(c.judges, j)
	fmt.Fprintf(c.progress, "%s: %d tests judge\n", folder, len(j.tests))
	return nil
}

// trace runs a test without a mutant. It returns nil if the test cannot judge.
func (c *court) trace(ctx context.Context, j judge, name string) (*test, error) {
	trace := filepath.Join(c.work, "trace")
	if err := os.RemoveAll(trace); err != nil {
		return nil, err
	}
	var said bytes.Buffer
	began := time.Now()
	passed, cpu, err := c.run(ctx, j, 0, trace, 10*time.Minute, &said, "-test.run", "^"+name+"$")
	t := &test{name: name, takes: time.Since(began), cpu: cpu, reaches: make(map[int]bool)}
	switch {
	case err != nil:
		return nil, err
	case passed != lived:
		fmt.Fprintf(c.progress, "%s: %s does not judge, since it fails by itself:\n%s", j.folder, name, said.Bytes()[max(0, said.Len()-2000):])
		return nil, nil
	case t.takes > c.slowest:
		fmt.Fprintf(c.progress, "%s: %s does not judge, since it takes %s\n", j.folder, name, t.takes.Round(time.Second/10))
		return nil, nil
	}
	file, err := os.Open(trace)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		id, err := strconv.Atoi(lines.Text())
		if err != nil {
			return nil, err
		}
		t.reaches[id] = true
	}
	return t, lines.Err()
}

// tried is the outcome of a mutant, or the reason why there is none.
type tried struct {
	said verdict
	err  error
}

// tryAll tries mutants, several at a time, and yields their outcomes in the order of the mutants.
func (c *court) tryAll(ctx context.Context, mutants []mutant, workers int) iter.Seq2[int, tried] {
	results := make([]chan tried, len(mutants))
	for i := range results {
		results[i] = make(chan tried, 1)
	}
	free := make(chan struct{}, max(1, workers))
	go func() {
		for i, m := range mutants {
			free <- struct{}{}
			go func() {
				said, err := c.try(ctx, m.id)
				results[i] <- tried{said, err}
				<-free
			}()
		}
	}()
	return func(yield func(int, tried) bool) {
		for i, result := range results {
			if !yield(i, <-result) {
				return
			}
		}
	}
}

// try runs the tests that reach a mutant, until one of them notices it.
func (c *court) try(ctx context.Context, id int) (verdict, error) {
	said := notCovered
	for _, j := range c.judges {
		for _, sitting := range j.sittings(id) {
			var err error
			if said, _, err = c.run(ctx, j, id, "", sitting.limit(c.patience), nil, "-test.failfast", "-test.run", sitting.pattern()); err != nil || said != lived {
				return said, err
			}
		}
	}
	return said, nil
}

// sitting is a group of tests that run in one process, because starting a process takes time as
// well.
type sitting []test

// sittings groups the tests that reach a mutant, the cheapest first. Each sitting costs about as
// much as all those before it. A mutant that is noticed early therefore costs little, and one that
// is not noticed costs few processes.
func (j judge) sittings(id int) []sitting {
	var all []sitting
	var before, now time.Duration
	for _, t := range j.tests {
		if !t.reaches[id] {
			continue
		}
		if now >= before {
			all, before, now = append(all, nil), before+now, 0
		}
		all[len(all)-1] = append(all[len(all)-1], t)
		now += t.cpu
	}
	return all
}

func (s sitting) pattern() string {
	var names []string
	for _, t := range s {
		names = append(names, t.name)
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// limit returns how long the tests may take with a mutant. It allows for a machine that is busier
// than when the tests were traced.
func (s sitting) limit(patience time.Duration) time.Duration {
	limit := patience
	for _, t := range s {
		limit += 10 * t.takes
	}
	return limit
}

// bounded limits virtual memory to 8 GiB and file sizes, because mutants may allocate and write
// without end. A process reserves several gigabytes of addresses more than it uses.
const bounded = `ulimit -v 8388608 -f 2097152 && exec "$0" "$@"`

// run runs a test binary with a mutant, or with none, in the directory of its package, and returns
// the CPU time that it took. It limits the time, the memory and the size of files, and kills the
// processes that the tests have started.
func (c *court) run(ctx context.Context, j judge, id int, trace string, limit time.Duration, out io.Writer, args ...string) (verdict, time.Duration, error) {
	temporary, err := os.MkdirTemp(c.work, "tmp-")
	if err != nil {
		return "", 0, err
	}
	defer os.RemoveAll(temporary)
	bounds, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(bounds, "bash", append([]string{"-c", bounded, j.binary, "-test.timeout=0"}, args...)...)
	cmd.Dir = filepath.Join(c.dir, j.folder)
	cmd.Env = append(os.Environ(), "MUTATE_MUTANT="+strconv.Itoa(id), "MUTATE_TRACE="+trace, "TMPDIR="+temporary)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if cmd.Process == nil {
		return "", 0, err
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whatever is left of the process group
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", 0, ctx.Err()
	case bounds.Err() != nil:
		return timedOut, cpu, nil
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return lived, cpu, nil
	case errors.As(err, &exit):
		return killed, cpu, nil
	}
	return "", 0, err
}
