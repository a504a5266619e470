// Package recent remembers what happened lately.
package recent

import (
	"container/list"
	"time"
)

// Values remembers a value for each key, for a while, and the last ones only. It
// is for one goroutine at a time.
type Values[K comparable, V any] struct {
	// Now returns the time. Tests put another clock in its place.
	Now func() time.Time

	window time.Duration
	limit  int

	entries map[K]*list.Element
	order   *list.List // of remembrances, the oldest first
}

// remembrance is an element of the list.
type remembrance[K comparable, V any] struct {
	key   K
	value V
	at    time.Time
}

// New returns Values that forget what is older than the window, and the oldest ones
// beyond the limit.
func New[K comparable, V any](window time.Duration, limit int) *Values[K, V] {
	return &Values[K, V]{
		window: window, limit: limit, Now: time.Now,
		entries: make(map[K]*list.Element), order: list.New(),
	}
}

// Get returns the value of the key, if it is remembered.
func (r *Values[K, V]) Get(key K) (value V, ok bool) {
	r.forget()
	element, ok := r.entries[key]
	if !ok {
		return value, false
	}
	return element.Value.(remembrance[K, V]).value, true
}

// Put remembers the value from now on.
func (r *Values[K, V]) Put(key K, value V) {
	if element, ok := r.entries[key]; ok {
		r.order.Remove(element)
	}
	r.entries[key] = r.order.PushBack(remembrance[K, V]{key, value, r.Now()})
	r.forget()
}

// Len returns how many values are remembered.
func (r *Values[K, V]) Len() int { return r.order.Len() }

// forget drops what is older than the window, and the oldest beyond the limit.
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
