package stores

import (
	"container/heap"
	"time"
)

// expiring maps keys to values that expire, each at its own time. If there is a limit and
// more values than that, those that expire first are dropped. It is not safe for concurrent
// use. Its zero value is empty.
type expiring[K comparable, V any] struct {
	limit   int
	entries map[K]*entry[K, V]
	byEnd   ends[K, V]
}

// entry is a value and its index in the heap.
type entry[K comparable, V any] struct {
	key   K
	value V
	end   time.Time
	place int
}

// get returns the value of the key, unless it has expired.
func (e *expiring[K, V]) get(key K, now time.Time) (value V, ok bool) {
	e.forget(now)
	found, ok := e.entries[key]
	if !ok {
		return value, false
	}
	return found.value, true
}

// put sets the value of the key until ttl has passed.
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

// forget drops expired entries, and those beyond the limit.
func (e *expiring[K, V]) forget(now time.Time) {
	for len(e.byEnd) > 0 && (!now.Before(e.byEnd[0].end) || e.limit > 0 && len(e.byEnd) > e.limit) {
		e.drop(e.byEnd[0].key)
	}
}

// ends holds the entries as a heap, with the first to expire at its top.
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
