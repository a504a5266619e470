package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ticksPerSecond is the unit of the times in /proc (USER_HZ), which is the same on every Linux that
// Go runs on.
const ticksPerSecond = 100

// process is a process that this program has started, on a port of its own.
type process struct {
	command *exec.Cmd
	port    int
	log     tail
}

// start starts the process with its output in a pipe, as in a container. This program reads the
// pipe and keeps the end of the output.
func (p *process) start() error {
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	return p.command.Start()
}

// tail keeps only the end of a text.
type tail struct {
	mutex sync.Mutex
	text  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const kept = 4 << 10
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.text = append(t.text, p[max(0, len(p)-kept):]...)
	t.text = t.text[max(0, len(t.text)-kept):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return string(t.text)
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop ends the process and waits for it.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	gone := make(chan struct{})
	go func() {
		_ = p.command.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		_ = p.command.Process.Kill()
		<-gone
	}
}

// url returns the URL of a path on the process.
func (p *process) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", p.port, path) }

// tree returns the process and its children, because nginx works in child processes.
func (p *process) tree() []int {
	tree := []int{p.pid()}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		fields, err := statFields(path)
		if err != nil {
			continue
		}
		if parent, _ := strconv.Atoi(fields[1]); parent == p.pid() {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			tree = append(tree, pid)
		}
	}
	return tree
}

// cpu returns the CPU time that the process tree has used so far.
func (p *process) cpu() (time.Duration, error) {
	var ticks int64
	for _, pid := range p.tree() {
		fields, err := statFields(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		for _, field := range fields[11:13] { // utime and stime
			spent, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			ticks += spent
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// statFields returns the fields of a /proc/<pid>/stat, starting with the third, the state. The
// second, the name, may contain spaces.
func statFields(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return nil, fmt.Errorf("%s: unknown format", path)
	}
	return fields, nil
}

// memory returns a field of /proc/<pid>/status, such as VmRSS, in bytes, summed over the process
// tree.
func (p *process) memory(field string) (int64, error) {
	var sum int64
	for _, pid := range p.tree() {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(content)) {
			if rest, ok := strings.CutPrefix(line, field+":"); ok {
				kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				if err != nil {
					return 0, err
				}
				sum += kilobytes << 10
			}
		}
	}
	return sum, nil
}

// resetPeak resets VmHWM to the memory that is resident now.
func (p *process) resetPeak() error {
	for _, pid := range p.tree() {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
			return err
		}
	}
	return nil
}

// freePort returns a port that nothing listens on.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
