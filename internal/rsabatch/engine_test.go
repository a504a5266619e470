package rsabatch

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testTimeout = 30 * time.Second

// testEngine returns an engine that must not fail.
func testEngine(t *testing.T, leaders int) *Engine {
	t.Helper()
	needEngine(t)
	e, err := New(leaders, func() { t.Error("a signature did not verify") })
	require.NoError(t, err)
	return e
}

// held makes the engine stop at each batch: it sends the batch, and continues when it
// receives a value.
func held(e *Engine) (batches chan []*operation, goOn chan struct{}) {
	batches, goOn = make(chan []*operation), make(chan struct{})
	e.compute = func(w *workspace, batch []*operation) {
		batches <- batch
		<-goOn
		w.compute(batch)
	}
	return batches, goOn
}

func requireSigned(t testing.TB, key *Key, digest [sha256.Size]byte, signature []byte) {
	t.Helper()
	require.NoError(t, rsa.VerifyPKCS1v15(&key.private.PublicKey, crypto.SHA256, digest[:], signature))
}

// waitFor waits until this many calls wait.
func waitFor(t *testing.T, e *Engine, waiting int) {
	t.Helper()
	require.Eventually(t, func() bool {
		e.mutex.Lock()
		defer e.mutex.Unlock()
		return len(e.waiting) == waiting
	}, testTimeout, time.Millisecond)
}

// idleNow returns how many workspaces are idle.
func (q *queue) idleNow() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return len(q.idle)
}

// result is the result of a call of Sign.
type result struct {
	signature []byte
	err       error
}

// signing calls Sign in a goroutine.
func signing(ctx context.Context, e *Engine, key *Key, digest [sha256.Size]byte) chan result {
	done := make(chan result, 1)
	go func() {
		signature, err := e.Sign(ctx, key, digest)
		done <- result{signature, err}
	}()
	return done
}

func digestOf(n int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, n)) }

// Waiting calls are computed together, at most four at once, in the order in which they came,
// with any keys. Then the first waiting call leads.
func TestBatches(t *testing.T) {
	e, keys := testEngine(t, 1), someKeys()
	batches, goOn := held(e)
	var done []chan result
	for i := range 7 {
		done = append(done, signing(t.Context(), e, keys[i], digestOf(i)))
		if i == 0 {
			require.Len(t, <-batches, 1)
		} else {
			waitFor(t, e, i)
		}
	}
	goOn <- struct{}{}
	for at := 1; at < 7; {
		batch := <-batches
		for i, op := range batch {
			assert.Same(t, keys[at+i], op.key)
		}
		assert.Len(t, batch, min(batchSize, 7-at))
		at += len(batch)
		goOn <- struct{}{}
	}
	for i := range done {
		r := <-done[i]
		require.NoError(t, r.err)
		requireSigned(t, keys[i], digestOf(i), r.signature)
	}
	assert.Eventually(t, func() bool { return e.idleNow() == 1 }, testTimeout, time.Millisecond)
}

// No call waits for a batch to fill.
func TestOneAlone(t *testing.T) {
	e, keys := testEngine(t, 2), someKeys()
	e.compute = func(w *workspace, batch []*operation) {
		assert.Len(t, batch, 1)
		w.compute(batch)
	}
	for i := range 10 {
		signature, err := e.Sign(t.Context(), keys[i], digestOf(i))
		require.NoError(t, err)
		requireSigned(t, keys[i], digestOf(i), signature)
	}
	assert.Equal(t, 2, e.idleNow())
}

// There are never more batches at once than leaders.
func TestLeadersAreBounded(t *testing.T) {
	const leaders = 2
	e, keys := testEngine(t, leaders), someKeys()
	var now, most atomic.Int32
	e.compute = func(w *workspace, batch []*operation) {
		most.Store(max(most.Load(), now.Add(1)))
		w.compute(batch)
		now.Add(-1)
	}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			signature, err := e.Sign(t.Context(), keys[i%len(keys)], digestOf(i))
			assert.NoError(t, err)
			assert.NoError(t, rsa.VerifyPKCS1v15(&keys[i%len(keys)].private.PublicKey, crypto.SHA256, digest(i), signature))
		})
	}
	all.Wait()
	assert.LessOrEqual(t, most.Load(), int32(leaders))
	assert.Equal(t, leaders, e.idleNow())
	assert.Equal(t, 2*batchSize*leaders, e.Concurrency())
}

func digest(n int) []byte { d := digestOf(n); return d[:] }

var errGone = errors.New("the application has gone")

// A call whose context ends while it waits returns at once, and the others are computed
// without it.
func TestContextEndsWhileWaiting(t *testing.T) {
	e, key := testEngine(t, 1), someKeys()[0]
	batches, goOn := held(e)
	first := signing(t.Context(), e, key, digestOf(0))
	<-batches
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := signing(ctx, e, key, digestOf(1))
	waitFor(t, e, 1)
	stays := signing(t.Context(), e, key, digestOf(2))
	waitFor(t, e, 2)
	cancel(errGone)
	require.ErrorIs(t, (<-gone).err, errGone)
	waitFor(t, e, 1)
	goOn <- struct{}{}
	require.NoError(t, (<-first).err)
	require.Len(t, <-batches, 1)
	goOn <- struct{}{}
	require.NoError(t, (<-stays).err)
}

// A call whose context ends while it is computed returns at once as well.
func TestContextEndsWhileComputed(t *testing.T) {
	e, key := testEngine(t, 1), someKeys()[0]
	batches, goOn := held(e)
	first := signing(t.Context(), e, key, digestOf(0))
	<-batches
	leads := signing(t.Context(), e, key, digestOf(1))
	waitFor(t, e, 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := signing(ctx, e, key, digestOf(2))
	waitFor(t, e, 2)
	goOn <- struct{}{}
	require.Len(t, <-batches, 2)
	cancel(errGone)
	require.ErrorIs(t, (<-gone).err, errGone)
	goOn <- struct{}{}
	require.NoError(t, (<-first).err)
	require.NoError(t, (<-leads).err)
	require.Eventually(t, func() bool { return e.idleNow() == 1 }, testTimeout, time.Millisecond)
}

// A call that is to lead, but whose context has ended, hands the workspace on, at whichever
// point it learns of both.
func TestContextEndsBeforeLeading(t *testing.T) {
	e, key := testEngine(t, 1), someKeys()[0]
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errGone)
	_, err := e.Sign(ended, key, digestOf(0))
	require.ErrorIs(t, err, errGone)
	require.Equal(t, 1, e.idleNow())

	// The call is to lead, and its context has ended: whichever it notices first, the next
	// call gets to lead.
	for range 50 {
		w := e.join(newCall(key, digestOf(0)))
		require.NotNil(t, w)
		gone, next := newCall(key, digestOf(1)), newCall(key, digestOf(2))
		require.Nil(t, e.join(gone))
		require.Nil(t, e.join(next))
		e.handOn(w)
		w, err := e.wait(ended, gone)
		if err == nil {
			require.NotNil(t, w)
			e.handOn(w)
		}
		w, err = e.wait(t.Context(), next)
		require.NoError(t, err)
		e.handOn(w)
		require.Equal(t, 1, e.idleNow())
	}
}

// Many calls with many keys, and contexts that end at any time: each signature is correct,
// and at the end nothing is left over.
func TestManyCallers(t *testing.T) {
	e, keys := testEngine(t, 2), someKeys()
	var signed, gone atomic.Int32
	var all sync.WaitGroup
	for caller := range 16 {
		all.Go(func() {
			for i := range 40 {
				key, digest := keys[mathrand.IntN(len(keys))], digestOf(caller*1000+i)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(mathrand.IntN(20_000))*time.Microsecond)
				signature, err := e.Sign(ctx, key, digest)
				cancel()
				if err != nil {
					assert.ErrorIs(t, err, context.DeadlineExceeded)
					gone.Add(1)
					continue
				}
				assert.NoError(t, rsa.VerifyPKCS1v15(&key.private.PublicKey, crypto.SHA256, digest[:], signature))
				signed.Add(1)
			}
		})
	}
	all.Wait()
	assert.Equal(t, 2, e.idleNow())
	assert.Empty(t, e.waiting)
	t.Logf("%d signatures, %d contexts that ended first", signed.Load(), gone.Load())
}

// After one wrong signature, crypto/rsa makes that one and all others, one per leader at a
// time. Only the failure count shows it.
func TestFailureTurnsTheEngineOff(t *testing.T) {
	needEngine(t)
	var failures, computed atomic.Int32
	e, err := New(2, func() { failures.Add(1) })
	require.NoError(t, err)
	e.compute = func(w *workspace, batch []*operation) {
		computed.Add(1)
		w.compute(batch)
		batch[0].output[200] ^= 1
	}
	key := someKeys()[0]
	for i := range 3 {
		signature, err := e.Sign(t.Context(), key, digestOf(i))
		require.NoError(t, err)
		requireSigned(t, key, digestOf(i), signature)
		assert.True(t, e.IsOff())
	}
	assert.EqualValues(t, 1, failures.Load())
	assert.EqualValues(t, 1, computed.Load())
	assert.Equal(t, 2, e.idleNow())

	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			signature, err := e.Sign(t.Context(), key, digestOf(i))
			assert.NoError(t, err)
			assert.NoError(t, rsa.VerifyPKCS1v15(&key.private.PublicKey, crypto.SHA256, digest(i), signature))
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, computed.Load())
	assert.Equal(t, 2, e.idleNow())
}

// A computation that panics affects only the call that led the batch; the others are signed
// by crypto/rsa.
func TestPanicLeavesNobodyWaiting(t *testing.T) {
	needEngine(t)
	e, err := New(1, func() {})
	require.NoError(t, err)
	key := someKeys()[0]
	w := e.join(newCall(key, digestOf(0)))
	other := signing(t.Context(), e, key, digestOf(1))
	waitFor(t, e, 1)
	e.compute = func(*workspace, []*operation) { panic("a test") }
	assert.Panics(t, func() { e.lead(w, newCall(key, digestOf(0))) })
	r := <-other
	require.NoError(t, r.err)
	requireSigned(t, key, digestOf(1), r.signature)
	assert.True(t, e.IsOff())
	assert.Equal(t, 1, e.idleNow())
}
