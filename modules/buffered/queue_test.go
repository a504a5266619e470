package buffered

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// destination records what is written to it.
type destination struct {
	mutex  sync.Mutex
	text   bytes.Buffer
	pieces int
	fail   error
	let    chan struct{} // if it is not nil, each Write waits to receive from it
}

func (d *destination) Write(p []byte) (int, error) {
	if d.let != nil {
		<-d.let
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.pieces++
	if d.fail != nil {
		return 0, d.fail
	}
	return d.text.Write(p)
}

func (d *destination) Close() error { return nil }

func (d *destination) String() string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.text.String()
}

func (d *destination) failWith(err error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.fail = err
}

// lostSoFar returns the value of the metric.
func lostSoFar(t *testing.T) int {
	t.Helper()
	return int(testtool.Counted(t, lostLines))
}

// running is the hasStarted of a process that has started.
func running() bool { return true }

// begin returns a queue that one config uses.
func begin(d *destination, limit int, hasStarted func() bool) *queue {
	q := newQueue(d, hasStarted)
	q.use(limit)
	return q
}

func write(t *testing.T, q *queue, line string) {
	t.Helper()
	n, err := q.Write([]byte(line))
	require.NoError(t, err)
	require.Equal(t, len(line), n)
}

// All lines arrive, complete and in the order of each writer, in far fewer pieces.
func TestLinesArriveInOrder(t *testing.T) {
	d := new(destination)
	q := begin(d, defaultSize, running)
	const writers, lines = 8, 2_000
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for i := range lines {
				write(t, q, fmt.Sprintf("%d %d\n", writer, i))
			}
		})
	}
	all.Wait()
	q.release()
	next := make([]int, writers)
	for line := range strings.Lines(d.String()) {
		var writer, i int
		_, err := fmt.Sscanf(line, "%d %d\n", &writer, &i)
		require.NoError(t, err, line)
		require.Equal(t, next[writer], i)
		next[writer]++
	}
	for _, count := range next {
		assert.Equal(t, lines, count)
	}
	assert.Less(t, d.pieces, writers*lines/10)
}

// A single line is written at once, without waiting for the next one.
func TestFirstLineIsWrittenAtOnce(t *testing.T) {
	d := new(destination)
	q := begin(d, defaultSize, running)
	defer q.release()
	write(t, q, "line\n")
	require.Eventually(t, func() bool { return d.String() == "line\n" }, 30*time.Second, time.Millisecond)
	write(t, q, "later\n")
	require.Eventually(t, func() bool { return d.String() == "line\nlater\n" }, 30*time.Second, time.Millisecond)
}

// Until the process has started, the caller waits until the line is written.
func TestLinesOfAStartAreWrittenAtOnce(t *testing.T) {
	d, started := new(destination), false
	q := begin(d, defaultSize, func() bool { return started })
	write(t, q, "why it cannot start\n")
	assert.Equal(t, "why it cannot start\n", d.String())
	started = true
	write(t, q, "later\n")
	q.release()
	assert.Equal(t, "why it cannot start\nlater\n", d.String())
}

// A line that is logged after the log was closed, such as the last one of a shutdown, is
// written in order.
func TestLinesAfterCloseAreWrittenAtOnce(t *testing.T) {
	d := new(destination)
	q := begin(d, defaultSize, running)
	write(t, q, "first\n")
	q.release()
	write(t, q, "last words\n")
	assert.Equal(t, "first\nlast words\n", d.String())
}

// A reload continues to use the queue, and a later config can use it again.
func TestQueueServesOneConfigAfterTheOther(t *testing.T) {
	d := new(destination)
	q := begin(d, defaultSize, running)
	write(t, q, "1\n")
	q.use(defaultSize) // the next config is provisioned before the other ends
	q.release()
	write(t, q, "2\n")
	assert.Equal(t, gathering, q.state)
	q.release()
	write(t, q, "3\n")
	assert.Equal(t, "1\n2\n3\n", d.String())
	q.use(defaultSize)
	write(t, q, "4\n")
	q.release()
	assert.Equal(t, "1\n2\n3\n4\n", d.String())
}

// No caller waits for a writer that accepts nothing. Lines for which there is no room are
// lost and counted; the rest arrive.
func TestNobodyWaitsForAStalledWriter(t *testing.T) {
	before := lostSoFar(t)
	d := &destination{let: make(chan struct{})}
	q := begin(d, 100, running)
	for range 30 {
		write(t, q, "line of 10\n")
	}
	lost := lostSoFar(t) - before
	assert.Equal(t, 30-9, lost, "9 of 11 bytes fit in 100")
	close(d.let)
	q.release()
	assert.Equal(t, strings.Repeat("line of 10\n", 9), d.String())
}

// The line that reports lost lines has room, even if waiting lines have filled the queue
// again.
func TestLostLinesAreReported(t *testing.T) {
	before := lostSoFar(t)
	d := &destination{let: make(chan struct{})}
	q := newQueue(d, running)
	q.tell = func(lost int) { write(t, q, fmt.Sprintf("lost %d\n", lost)) }
	q.use(100)
	for range 3 {
		write(t, q, strings.Repeat("x", 32)+"\n")
	}
	for range 7 {
		write(t, q, strings.Repeat("y", 32)+"\n")
	}
	close(d.let)
	q.release()
	assert.Equal(t, 7, lostSoFar(t)-before)
	assert.Equal(t, strings.Repeat(strings.Repeat("x", 32)+"\n", 3)+"lost 7\n", d.String())
}

// A line may be larger than the limit if it is alone.
func TestLargeLineIsWritten(t *testing.T) {
	d := new(destination)
	q := begin(d, 10, running)
	line := strings.Repeat("x", 3*piece) + "\n"
	write(t, q, line)
	q.release()
	assert.Equal(t, line, d.String())
}

// A shutdown does not wait forever for a stalled writer.
func TestCloseDoesNotHang(t *testing.T) {
	d := &destination{let: make(chan struct{})}
	q := begin(d, 100, running)
	write(t, q, "line\n")
	stood := testtool.Standstill(t)
	began := time.Now()
	q.release()
	assert.Less(t, time.Since(began), 2*closeTimeout+stood())
	write(t, q, "last words\n")
	close(d.let)
}

// Lines that cannot be written are counted, and later ones are written.
func TestFullDisk(t *testing.T) {
	before := lostSoFar(t)
	d := new(destination)
	d.failWith(errors.New("no space left on device"))
	q := begin(d, defaultSize, running)
	write(t, q, "lost\n")
	require.Eventually(t, func() bool { return lostSoFar(t)-before == 1 }, 30*time.Second, time.Millisecond)
	d.failWith(nil)
	write(t, q, "written\n")
	q.release()
	assert.Equal(t, "written\n", d.String())
}

// smallDisk has room for a limited number of bytes.
type smallDisk struct {
	destination
	room int
}

func (d *smallDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	_, _ = d.destination.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

// If the disk was full in the middle of a line, the next line is still complete.
func TestFullDiskInTheMiddleOfALine(t *testing.T) {
	before := lostSoFar(t)
	d := &smallDisk{room: 7}
	q := newQueue(d, running)
	var told []int
	q.tell = func(lost int) { told = append(told, lost) }
	q.flush([]byte("line\nlost\n"))
	q.flush([]byte("lost\nlost\n"))
	d.room = 100
	q.flush([]byte("line\n"))
	q.flush([]byte("line\n"))
	assert.Equal(t, "line\nlo\nline\nline\n", d.String())
	assert.Equal(t, 3, lostSoFar(t)-before)
	assert.Equal(t, []int{3}, told)
}

// After a stall, the gathered lines are written in pieces of whole lines, so that a file with
// rotation accepts them.
func TestPiecesAreOfWholeLines(t *testing.T) {
	d := &destination{let: make(chan struct{}, 1_000)}
	q := begin(d, defaultSize, running)
	line := strings.Repeat("x", 999) + "\n"
	for range 1_000 {
		write(t, q, line)
	}
	close(d.let)
	q.release()
	assert.Equal(t, strings.Repeat(line, 1_000), d.String())
	assert.GreaterOrEqual(t, d.pieces, 4)
}

// Closing the queue while others write loses no line and causes no data race.
func TestCloseUnderLoad(t *testing.T) {
	d := new(destination)
	q := begin(d, defaultSize, running)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				write(t, q, "line\n")
			}
		})
	}
	q.release()
	all.Wait()
	assert.Equal(t, strings.Repeat("line\n", 2_000), d.String())
}

func BenchmarkWrite(b *testing.B) {
	q := begin(new(destination), defaultSize, running)
	line := bytes.Repeat([]byte("x"), 600)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = q.Write(line)
	}
}
