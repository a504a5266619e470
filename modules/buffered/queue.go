package buffered

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
)

const (
	// pause is how long the queue gathers lines between two writes. It limits both the number
	// of writes and the number of lines that an abrupt end loses.
	pause = 10 * time.Millisecond
	// closeTimeout is how long a shutdown, or a reload, waits for a writer that does not
	// accept the lines.
	closeTimeout = 5 * time.Second
	// piece is the maximum number of bytes per write, if more have gathered while the writer
	// stalled. A log file with rotation rejects a write that is larger than the file may
	// become, which can be as little as a megabyte.
	piece = 256 << 10
	// reserve is extra room, in bytes, for the line that reports lost lines. When that line
	// is written, other lines may have filled the queue again.
	reserve = 4 << 10
	// logName is the name of the logger that reports lost lines.
	logName = "payermax_buffered"
)

// lostLines counts the lost lines of all queues.
var lostLines = prom.Counter("log_lines_lost_total",
	"Log lines that payermax_buffered could not write, because the disk was full or stalled, or nothing read the pipe.")

// queue writes lines in the background, in order, as long as a config uses it.
type queue struct {
	to io.WriteCloser
	// hasStarted reports whether the process has finished starting.
	hasStarted func() bool
	// tell logs how many lines were lost.
	tell func(lost int)

	mutex   sync.Mutex
	users   int
	limit   int // limit of the bytes that wait or are being written
	telling bool
	waiting []byte
	writing int // bytes
	lost    int // lines that were lost and not yet reported
	state   state
	wake    chan struct{} // signals that lines wait
	closing chan struct{} // closed when the last user is gone
	done    chan struct{} // closed when the background goroutine has ended

	background sync.Mutex // held by the background goroutine: there is one at a time
	spare      []byte     // used by the background goroutine: buffer for the next lines
	failing    bool       // used by the background goroutine: writes fail, and stderr says so
	cut        bool       // used by the background goroutine: the last write ended in the middle of a line
}

// state is what happens to a line that is logged.
type state int

const (
	// starting: the line is written at once, because a process that cannot start ends as soon
	// as it has logged why.
	starting  state = iota
	gathering       // it waits for the background goroutine
	through         // no config uses the queue any more: it is written at once
	stuck           // it is lost, because the writer accepts nothing
)

func newQueue(to io.WriteCloser, hasStarted func() bool) *queue {
	return &queue{to: to, hasStarted: hasStarted, tell: logLost, state: through, wake: make(chan struct{}, 1)}
}

// logLost reports lost lines in the log of the process, which may use this very queue.
func logLost(lost int) {
	caddy.Log().Named(logName).Error("log lines were lost: the log could not be written, or not fast enough", zap.Int("lines", lost))
}

// use makes the queue gather lines, up to limit bytes, until release is called.
func (q *queue) use(limit int) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.limit = limit
	q.users++
	if q.users > 1 {
		return
	}
	q.state, q.closing, q.done = starting, make(chan struct{}), make(chan struct{})
	go q.run(q.closing, q.done)
}

// release ends one use. When no config uses the queue any more, it writes the waiting lines;
// later lines, such as the last ones of a shutdown, are written at once.
func (q *queue) release() {
	q.mutex.Lock()
	q.users--
	users, closing, done := q.users, q.closing, q.done
	q.mutex.Unlock()
	if users > 0 {
		return
	}
	close(closing)
	select {
	case <-done:
	case <-time.After(closeTimeout):
		caddy.Log().Named(logName).Error("a log could not be written at the end; its last lines are lost", zap.Int("bytes", q.giveUp()))
	}
}

// giveUp makes all further lines be lost, so that nothing waits to write them. It returns the
// number of bytes already lost.
func (q *queue) giveUp() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.state = stuck
	return len(q.waiting) + q.writing
}

// Write accepts a line. While the queue gathers lines, it does not wait, and a line for which
// there is no room is lost. That is not an error, since the caller could do nothing about it.
func (q *queue) Write(line []byte) (int, error) {
	switch q.add(line) {
	case starting, through:
		return q.to.Write(line)
	default:
		return len(line), nil
	}
}

// add queues the line if lines are being gathered, and returns what happens to it.
func (q *queue) add(line []byte) state {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.state == starting && q.hasStarted() {
		q.state = gathering
	}
	held, limit := len(q.waiting)+q.writing, q.limit
	if q.telling {
		limit += reserve
	}
	switch {
	case q.state == starting, q.state == through:
		return q.state
	case q.state == stuck, held > 0 && held+len(line) > limit:
		q.lost++
		lostLines.Inc()
		return stuck
	}
	q.waiting = append(q.waiting, line...)
	select {
	case q.wake <- struct{}{}:
	default: // it is awake
	}
	return gathering
}

// run writes in the background until the last user is gone.
func (q *queue) run(closing, done chan struct{}) {
	q.background.Lock()
	defer q.background.Unlock()
	defer close(done)
	rest := time.NewTimer(pause)
	defer rest.Stop()
	for {
		select {
		case <-q.wake:
			q.flush(q.take())
		case <-closing:
			for lines := q.take(); len(lines) > 0 || !q.end(); lines = q.take() {
				q.flush(lines)
			}
			return
		}
		rest.Reset(pause)
		select {
		case <-rest.C:
		case <-closing:
		}
	}
}

// take returns the waiting lines, which count as being written from then on.
func (q *queue) take() []byte {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	lines := q.waiting
	q.waiting, q.spare, q.writing = q.spare[:0], nil, len(lines)
	return lines
}

// end stops the gathering if no lines wait, and reports whether it did.
func (q *queue) end() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.waiting) > 0 {
		return false
	}
	q.state = through
	return true
}

// flush writes lines, and keeps their buffer for reuse.
func (q *queue) flush(lines []byte) {
	for rest := lines; len(rest) > 0; {
		next := rest
		if len(rest) > piece {
			next = rest[:piece]
			if end := bytes.LastIndexByte(next, '\n'); end >= 0 {
				next = next[:end+1]
			}
		}
		rest = rest[len(next):]
		if q.cut { // the disk may have been full; without a newline, the next line would be broken too
			_, err := q.to.Write([]byte{'\n'})
			q.cut = err != nil
		}
		written, err := q.to.Write(next)
		written = min(written, len(next))
		if err != nil && written > 0 {
			q.cut = next[written-1] != '\n'
		}
		q.report(next[written:], err)
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.writing = 0
	if cap(lines) <= piece {
		q.spare = lines
	}
}

// report counts the lines that could not be written. As soon as the log can be written again,
// it logs how many were lost.
func (q *queue) report(unwritten []byte, err error) {
	if err != nil {
		count := max(1, bytes.Count(unwritten, []byte{'\n'}))
		lostLines.Add(float64(count))
		q.mutex.Lock()
		q.lost += count
		q.mutex.Unlock()
		if !q.failing {
			q.failing = true
			fmt.Fprintf(os.Stderr, "log lines cannot be written and are lost until they can: %v\n", err)
		}
		return
	}
	q.failing = false
	q.mutex.Lock()
	lost := q.lost
	q.lost, q.telling = 0, lost > 0
	q.mutex.Unlock()
	if lost == 0 {
		return
	}
	q.tell(lost)
	q.mutex.Lock()
	q.telling = false
	q.mutex.Unlock()
}
