package buffered

import (
	"io"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// queues holds the queues of the process, by the key of their writer. They outlive a config
// because the writers do: Caddy keeps an opened writer for later configs and does not ask the
// module that opened it again.
//
// A queue stays when no config uses it. It then writes at once, as Caddy would.
type queues struct {
	mutex sync.Mutex
	all   map[string]*queue
}

var ofProcess = queues{all: make(map[string]*queue)}

// use returns the queue in front of the writer, which is opened if it is new.
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

// hasStarted reports whether this process has an active config.
func hasStarted() bool { return caddy.ActiveContext().Context != nil }

// lasting is the queue as Caddy's logs see it. They close it when their config ends, but only
// the modules know which config is the last one.
type lasting struct{ io.Writer }

// Close does nothing: the queue outlives the config.
func (lasting) Close() error { return nil }
