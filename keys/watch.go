package keys

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	// pollInterval is how often the keys are looked at without being told of a
	// change. Events alone are not enough: they are lost when a queue
	// overflows, when a directory is replaced, and on some file systems always.
	pollInterval = 5 * time.Second
	// settleTime lets a change of several files come to its end.
	settleTime = 100 * time.Millisecond
)

// Watch refreshes the keys until ctx ends: soon after an event in a directory
// where one of the files is, and every few seconds anyway.
func (r *Ring) Watch(ctx context.Context) {
	var events chan fsnotify.Event
	var failures chan error
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		r.config.Logger.Warn("the key files cannot be watched; they are checked every few seconds instead",
			zap.Duration("interval", pollInterval), zap.Error(err))
	} else {
		defer watcher.Close()
		events, failures = watcher.Events, watcher.Errors
		r.watchDirectories(watcher)
		r.Refresh() // of what changed between the loading and the watching
	}

	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			if settled == nil {
				settled = time.After(settleTime)
			}
		case <-failures: // such as an overflow, for which there is the poll
		case <-settled:
			settled = nil
			r.Refresh()
		case <-poll.C:
			if watcher != nil {
				r.watchDirectories(watcher)
			}
			r.Refresh()
		}
	}
}

// watchDirectories watches the directories of the files rather than the files:
// a file that is replaced is another file. It is called again and again, for a
// directory can be replaced as well.
func (r *Ring) watchDirectories(watcher *fsnotify.Watcher) {
	for _, path := range r.files() {
		// One that is not there, or cannot be watched, is left to the poll.
		_ = watcher.Add(filepath.Dir(path))
	}
}
