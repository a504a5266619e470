package stores

import (
	"container/heap"
	"time"
)

// expiring are values by their keys, each until a time of its own. Of more than the
// limit, if there is one, those that end first are dropped. It is for one goroutine at
// a time, and its zero value is empty.
type expiring[K comparable, V any] struct {
	limit   int
	entries map[K]*entry[K, V]
	byEnd   ends[K, V]
}

// entry is a value, and where it stands in the order of their ends.
type entry[K comparable, V any] struct {
	key   K
	value V
	end   time.Time
	place int
}

// get returns the value of the key, if it has one now.
func (e *expiring[K, V]) get(key K, now time.Time) (value V, ok bool) {
	e.forget(now)
	found, ok := e.entries[key]
	if !ok {
		return value, false
	}
	return found.value, true
}

// put sets the value of the key for a while.
func (e *expiring[K, V]) put(key K, value V, now time.Time, ttl time.Duration) {
	e.drop(key)
	if e.entries == nil {
		e.entries = make(map[K]*entry[K, V])
	}
	added := &entry[K, V]{key: key, value: value, end: now.Add(ttl)}
	e.entries[key] = added
	heap.Push(&e.byEnd, added)
	e.forget(now)
}

// drop removes the key.
func (e *expiring[K, V]) drop(key K) {
	if found, ok := e.entries[key]; ok {
		heap.Remove(&e.byEnd, found.place)
		delete(e.entries, key)
	}
}

// forget drops what has ended, and what is beyond the limit.
func (e *expiring[K, V]) forget(now time.Time) {
	for len(e.byEnd) > 0 && (!now.Before(e.byEnd[0].end) || e.limit > 0 && len(e.byEnd) > e.limit) {
		e.drop(e.byEnd[0].key)
	}
}

// ends are the entries as a heap, the first to end at its top.
type ends[K comparable, V any] []*entry[K, V]

func (h ends[K, V]) Len() int           { return len(h) }
func (h ends[K, V]) Less(i, j int) bool { return h[i].end.Before(h[j].end) }
func (h ends[K, V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *ends[K, V]) Push(added any) {
	e := added.(*entry[K, V])
	e.place = len(*h)
	*h = append(*h, e)
}

func (h *ends[K, V]) Pop() any {
	last := len(*h) - 1
	removed := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return removed
}
