package rsabatch

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
)

// queue has those that wait for a signature, and those that may compute.
//
// There are no workers. Whoever comes first while a workspace is idle leads: it takes
// what waits, computes it together with its own, and then hands the workspace to the
// first that waits by now. So nobody waits for a batch to fill, and when there is
// more to sign than there are CPUs, the batches fill by themselves.
type queue struct {
	mutex   sync.Mutex
	waiting []*call
	idle    []*workspace
}

// call is one signature that is asked for.
type call struct {
	operation
	digest [sha256.Size]byte
	// wake gets the workspace of whoever waits and is to lead, or nil once the
	// signature is computed. It has room for that one, so that nobody waits to send.
	wake chan *workspace
}

func newCall(key *Key, digest [sha256.Size]byte) *call {
	return &call{operation: operation{key: key, input: encode(&digest)}, digest: digest, wake: make(chan *workspace, 1)}
}

// join returns a workspace to lead with if one is idle, and otherwise has the call
// wait.
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

// wait returns the workspace to lead with, or nil once the signature is computed. If
// the context ends first, it returns at once: what is being computed already, is
// computed in vain.
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
	// It cannot be called from now on, but may have been before.
	select {
	case w := <-c.wake:
		if w != nil {
			q.handOn(w)
		}
	default:
	}
	return nil, context.Cause(ctx)
}

// collect returns a batch: the leader's own call, and the first of those that wait.
func (q *queue) collect(own *call) []*call {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	n := min(batchSize-1, len(q.waiting))
	batch := append(make([]*call, 0, batchSize), own)
	batch = append(batch, q.waiting[:n]...)
	q.waiting = slices.Delete(q.waiting, 0, n)
	return batch
}

// handOn gives the workspace to the first that waits.
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
