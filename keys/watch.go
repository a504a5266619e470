package keys

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	// pollInterval is how often the keys are checked even without a file event. Events
	// alone are not enough: they are lost when a queue overflows or a directory is
	// replaced, and some file systems never send any.
	pollInterval = 5 * time.Second
	// settleTime is the time between an event and the refresh, so that a change of
	// several files can finish.
	settleTime = 100 * time.Millisecond
)

// Watch refreshes the keys until ctx ends: soon after an event in a directory of one of
// the files, and also every few seconds.
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
		r.Refresh() // in case something changed between loading and watching
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
		case <-failures: // such as an overflow; the poll covers these
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

// watchDirectories watches the directories of the files rather than the files themselves,
// since a replaced file is a different file. It is called repeatedly, because a directory
// can be replaced as well.
func (r *Ring) watchDirectories(watcher *fsnotify.Watcher) {
	for _, path := range r.files() {
		// If a directory is missing or cannot be watched, the poll covers its files.
		_ = watcher.Add(filepath.Dir(path))
	}
}
