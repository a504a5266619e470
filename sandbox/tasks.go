package sandbox

import (
	"context"
	"sync"
	"time"
)

// maxTasks is the maximum number of payments and notifications in progress. Each has a goroutine.
const maxTasks = 1000

// tasks are the goroutines behind payments that are not final yet and notifications that are not acknowledged yet.
type tasks struct {
	ctx  context.Context
	stop context.CancelFunc

	mu      sync.Mutex
	running int
	idle    chan struct{} // closed when the last task has ended after stop
}

func newTasks() *tasks {
	t := &tasks{idle: make(chan struct{})}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// start runs a task in a goroutine. It reports false if there are too many tasks or they have been stopped.
func (t *tasks) start(run func(context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == maxTasks || t.ctx.Err() != nil {
		return false
	}
	t.running++
	go func() {
		defer t.end()
		run(t.ctx)
	}()
	return true
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running--
	if t.running == 0 && t.ctx.Err() != nil {
		close(t.idle)
	}
}

// close stops all tasks and waits until they have ended, or until ctx is done.
func (t *tasks) close(ctx context.Context) error {
	t.mu.Lock()
	if t.ctx.Err() == nil {
		t.stop()
		if t.running == 0 {
			close(t.idle)
		}
	}
	t.mu.Unlock()
	select {
	case <-t.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sleep waits for d, and reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
