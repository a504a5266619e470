package sandbox

// maxKept is how many entries a shelf holds: sessions, orders, refunds and so on, each on a shelf of its own.
const maxKept = 10_000

// shelf is a map that forgets its oldest entry when it is full. The zero value holds up to maxKept entries.
type shelf[V any] struct {
	entries map[string]V

	// keys is a ring buffer once the shelf is full; oldest is its first index.
	keys   []string
	oldest int
}

// put adds an entry. The key must be new.
func (s *shelf[V]) put(key string, value V) {
	if s.entries == nil {
		s.entries = map[string]V{}
	}
	if len(s.keys) < maxKept {
		s.keys = append(s.keys, key)
	} else {
		delete(s.entries, s.keys[s.oldest])
		s.keys[s.oldest] = key
		s.oldest = (s.oldest + 1) % maxKept
	}
	s.entries[key] = value
}

// newest returns the last n entries that were added, or all if there are fewer, newest first.
func (s *shelf[V]) newest(n int) []V {
	last := make([]V, 0, min(n, len(s.keys)))
	for i := range min(n, len(s.keys)) {
		last = append(last, s.entries[s.keys[(s.oldest+len(s.keys)-1-i)%len(s.keys)]])
	}
	return last
}

// get returns the entry of a key, or the zero value.
func (s *shelf[V]) get(key string) V { return s.entries[key] }
