package sandbox

const (
	// maxRecent is how many calls and notifications are kept to be looked at, of each.
	maxRecent = 200

	// maxRecentBytes bounds what they hold, since one body may have a megabyte.
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

// add appends an entry that holds about so many bytes, and drops the oldest ones that there is no room for any more.
func (r *recent[V]) add(value V, bytes int) {
	r.entries = append(r.entries, sized[V]{value, bytes})
	r.bytes += bytes
	drop := 0
	for len(r.entries)-drop > maxRecent || (r.bytes > maxRecentBytes && len(r.entries)-drop > 1) {
		r.bytes -= r.entries[drop].bytes
		r.entries[drop] = sized[V]{} // or the array under the slice would keep it
		drop++
	}
	r.entries = r.entries[drop:]
}

// id returns the next number, the first being 1.
func (r *recent[V]) id() int {
	r.nextID++
	return r.nextID
}

// newestFirst returns a copy of the list.
func (r *recent[V]) newestFirst() []V {
	values := make([]V, 0, len(r.entries))
	for i := len(r.entries) - 1; i >= 0; i-- {
		values = append(values, r.entries[i].value)
	}
	return values
}
