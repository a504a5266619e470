// Package recent remembers recent values for a limited time.
package recent

import (
	"container/list"
	"time"
)

// Values maps keys to values. It forgets values after a while, and the oldest ones if
// there are too many. It is not safe for concurrent use.
type Values[K comparable, V any] struct {
	// Now returns the current time. Tests replace it.
	Now func() time.Time

	window time.Duration
	limit  int

	entries map[K]*list.Element
	order   *list.List // of remembrances, oldest first
}

// remembrance is an element of the list.
type remembrance[K comparable, V any] struct {
	key   K
	value V
	at    time.Time
}

// New returns Values that forget values older than window, and the oldest ones if there
// are more than limit.
func New[K comparable, V any](window time.Duration, limit int) *Values[K, V] {
	return &Values[K, V]{
		window: window, limit: limit, Now: time.Now,
		entries: make(map[K]*list.Element), order: list.New(),
	}
}

// Get returns the value of a key, if it is remembered.
func (r *Values[K, V]) Get(key K) (value V, ok bool) {
	r.forget()
	element, ok := r.entries[key]
	if !ok {
		return value, false
	}
	return element.Value.(remembrance[K, V]).value, true
}

// Put remembers a value, which is then the newest one.
func (r *Values[K, V]) Put(key K, value V) {
	if element, ok := r.entries[key]; ok {
		r.order.Remove(element)
	}
	r.entries[key] = r.order.PushBack(remembrance[K, V]{key, value, r.Now()})
	r.forget()
}

// Len returns how many values are remembered.
func (r *Values[K, V]) Len() int { return r.order.Len() }

// forget drops the values that are older than the window, and the oldest ones beyond the
// limit.
func (r *Values[K, V]) forget() {
	for oldest := r.order.Front(); oldest != nil; oldest = r.order.Front() {
		entry := oldest.Value.(remembrance[K, V])
		if r.order.Len() <= r.limit && r.Now().Sub(entry.at) <= r.window {
			return
		}
		r.order.Remove(oldest)
		delete(r.entries, entry.key)
	}
}
