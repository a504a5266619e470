package buffered

import (
	"io"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// queues are those of the process, by the key of their writer. They are the process's
// since what they write to is: Caddy keeps a writer that it has opened for later
// configs, and asks the module that opened it no more.
//
// A queue stays when no config uses it; it writes at once then, as Caddy would.
type queues struct {
	mutex sync.Mutex
	all   map[string]*queue
}

var ofProcess = queues{all: make(map[string]*queue)}

// use returns the queue before the writer, which is opened if it is a new one.
func (q *queues) use(key string, opener caddy.WriterOpener, limit int) (*queue, error) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	found := q.all[key]
	if found == nil {
		to, err := opener.OpenWriter()
		if err != nil {
			return nil, err
		}
		found = newQueue(to, hasStarted)
		q.all[key] = found
	}
	found.use(limit)
	return found, nil
}

// hasStarted reports whether a config of this process is in use.
func hasStarted() bool { return caddy.ActiveContext().Context != nil }

// lasting is a queue as Caddy's logs have it. They close it when their config ends, but
// it is the modules that know which config is the last one.
type lasting struct{ io.Writer }

// Close does nothing.
func (lasting) Close() error { return nil }
