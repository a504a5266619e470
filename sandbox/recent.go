package sandbox

const (
	// maxRecent is how many calls are kept for inspection, and how many notifications.
	maxRecent = 200

	// maxRecentBytes bounds the size of either list, since one body can have a megabyte.
	maxRecentBytes = 8 << 20
)

// recent holds the last entries that were added, in the order of their ids.
type recent[V any] struct {
	entries []sized[V]
	bytes   int
	nextID  int
}

type sized[V any] struct {
	value V
	bytes int
}

// add appends an entry of about the given size, and drops the oldest entries to stay within the bounds.
func (r *recent[V]) add(value V, bytes int) {
	r.entries = append(r.entries, sized[V]{value, bytes})
	r.bytes += bytes
	drop := 0
	for len(r.entries)-drop > maxRecent || (r.bytes > maxRecentBytes && len(r.entries)-drop > 1) {
		r.bytes -= r.entries[drop].bytes
		r.entries[drop] = sized[V]{} // otherwise the slice's array would keep it alive
		drop++
	}
	r.entries = r.entries[drop:]
}

// id returns the next ID, starting with 1.
func (r *recent[V]) id() int {
	r.nextID++
	return r.nextID
}

// newestFirst returns a copy of the list, newest entry first.
func (r *recent[V]) newestFirst() []V {
	values := make([]V, 0, len(r.entries))
	for i := len(r.entries) - 1; i >= 0; i-- {
		values = append(values, r.entries[i].value)
	}
	return values
}
