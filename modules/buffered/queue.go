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
	// pause is how long the queue gathers lines between two writes. It bounds both
	// how many writes there are and how many lines an abrupt end loses.
	pause = 10 * time.Millisecond
	// closeTimeout is how long a shutdown, or a reload, waits for a writer that does
	// not take the lines.
	closeTimeout = 5 * time.Second
	// piece is how many bytes are written at once, if more have gathered while the
	// writer stalled. A file that is rolled takes no more than a megabyte.
	piece = 256 << 10
	// reserve is how many bytes there are for the line about lost ones, beyond those
	// for all lines: when it is written, others still wait in the place of those lost.
	reserve = 4 << 10
	// logName is who says that lines were lost, in whichever log there is.
	logName = "payermax_buffered"
)

// lostLines counts the lines of all queues.
var lostLines = prom.Counter("log_lines_lost_total",
	"Log lines that payermax_buffered could not write, because the disk was full or stalled, or nothing read the pipe.")

// queue writes lines in the background, in order, as long as a config uses it.
type queue struct {
	to io.WriteCloser
	// hasStarted reports whether the process is done with its start.
	hasStarted func() bool
	// tell has a log say how many lines were lost.
	tell func(lost int)

	mutex   sync.Mutex
	users   int
	limit   int // of the bytes that wait or are being written
	telling bool
	waiting []byte
	writing int // bytes
	lost    int // lines that the log does not have, and does not say so yet
	state   state
	wake    chan struct{} // when lines wait
	closing chan struct{} // when the last user is gone
	done    chan struct{} // when the background is

	background sync.Mutex // one at a time
	spare      []byte     // its own: for the next lines
	failing    bool       // its own: and has said so
	cut        bool       // its own: the last line that was written ends in the middle
}

// state is what becomes of a line.
type state int

const (
	// starting: it is written at once. A process that cannot start ends as soon as
	// it has logged why.
	starting  state = iota
	gathering       // it waits for the background
	through         // nobody uses the queue any more: it is written at once
	stuck           // it is lost, since the writer takes none
)

func newQueue(to io.WriteCloser, hasStarted func() bool) *queue {
	return &queue{to: to, hasStarted: hasStarted, tell: logLost, state: through, wake: make(chan struct{}, 1)}
}

// logLost says so in the log of the process, which may be that of the queue.
func logLost(lost int) {
	caddy.Log().Named(logName).Error("log lines were lost: the log could not be written, or not fast enough", zap.Int("lines", lost))
}

// use begins to gather lines, up to so many bytes, until release.
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

// release ends what use began. When nobody uses the queue any more, it writes what
// waits; later lines, such as the last ones of a shutdown, are written at once.
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

// giveUp has all further lines be lost, so that nobody waits to write them. It returns
// the number of bytes that are lost already.
func (q *queue) giveUp() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.state = stuck
	return len(q.waiting) + q.writing
}

// Write takes a line and does not wait. A line for which there is no room is lost,
// which is no error: whoever logs could do nothing about it.
func (q *queue) Write(line []byte) (int, error) {
	switch q.add(line) {
	case starting, through:
		return q.to.Write(line)
	default:
		return len(line), nil
	}
}

// add has the line wait, if lines do, and returns what becomes of it.
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

// take returns the lines that wait.
func (q *queue) take() []byte {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	lines := q.waiting
	q.waiting, q.spare, q.writing = q.spare[:0], nil, len(lines)
	return lines
}

// end has no more lines wait, and reports whether there are none by now.
func (q *queue) end() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.waiting) > 0 {
		return false
	}
	q.state = through
	return true
}

// flush writes lines, and keeps their buffer for others.
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
		if q.cut { // as by a full disk; without this, the next line would not be one either
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

// report counts the lines that could not be written, and says how many were lost as
// soon as the log can say so.
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
