package rsabatch

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
)

// queue holds the calls that wait for a signature, and the idle workspaces.
//
// There are no worker goroutines. A call that arrives while a workspace is idle leads: it
// takes the waiting calls, computes them together with its own, and then hands the workspace
// to the first call that waits by then. So no call waits for a batch to fill, and when there
// is more to sign than there are CPUs, the batches fill by themselves.
type queue struct {
	mutex   sync.Mutex
	waiting []*call
	idle    []*workspace
}

// call is one requested signature.
type call struct {
	operation
	digest [sha256.Size]byte
	// wake receives the workspace if the waiting call is to lead, or nil once its signature
	// is computed. It is buffered for one value, so that sending never blocks.
	wake chan *workspace
}

func newCall(key *Key, digest [sha256.Size]byte) *call {
	return &call{operation: operation{key: key, input: encode(&digest)}, digest: digest, wake: make(chan *workspace, 1)}
}

// join returns a workspace to lead with if one is idle. Otherwise it returns nil, and the
// call waits.
func (q *queue) join(c *call) *workspace {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	last := len(q.idle) - 1
	if last < 0 {
		q.waiting = append(q.waiting, c)
		return nil
	}
	w := q.idle[last]
	q.idle = q.idle[:last]
	return w
}

// wait returns the workspace to lead with, or nil once the signature is computed. If the
// context ends first, it returns at once; a computation that is already running is then in
// vain.
func (q *queue) wait(ctx context.Context, c *call) (*workspace, error) {
	select {
	case w := <-c.wake:
		return w, nil
	case <-ctx.Done():
	}
	q.mutex.Lock()
	if i := slices.Index(q.waiting, c); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	q.mutex.Unlock()
	// The call cannot be woken from now on, but may have been before.
	select {
	case w := <-c.wake:
		if w != nil {
			q.handOn(w)
		}
	default:
	}
	return nil, context.Cause(ctx)
}

// collect returns a batch: the leader's own call, and the first waiting calls.
func (q *queue) collect(own *call) []*call {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	n := min(batchSize-1, len(q.waiting))
	batch := append(make([]*call, 0, batchSize), own)
	batch = append(batch, q.waiting[:n]...)
	q.waiting = slices.Delete(q.waiting, 0, n)
	return batch
}

// handOn gives the workspace to the first waiting call, or makes it idle.
func (q *queue) handOn(w *workspace) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.waiting) == 0 {
		q.idle = append(q.idle, w)
		return
	}
	q.waiting[0].wake <- w
	q.waiting = slices.Delete(q.waiting, 0, 1)
}
