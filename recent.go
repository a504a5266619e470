package payermax

import (
	"container/list"
	"time"
)

// recent remembers a value for each key, for a while, and the last ones only. It
// is for one goroutine at a time.
type recent[K comparable, V any] struct {
	window time.Duration
	limit  int
	now    func() time.Time

	entries map[K]*list.Element
	order   *list.List // of remembrance, the oldest first
}

// remembrance is an element of the list.
type remembrance[K comparable, V any] struct {
	key   K
	value V
	at    time.Time
}

func newRecent[K comparable, V any](window time.Duration, limit int) *recent[K, V] {
	return &recent[K, V]{
		window: window, limit: limit, now: time.Now,
		entries: make(map[K]*list.Element), order: list.New(),
	}
}

// get returns the value of the key, if it is remembered.
func (r *recent[K, V]) get(key K) (value V, ok bool) {
	r.forget()
	element, ok := r.entries[key]
	if !ok {
		return value, false
	}
	return element.Value.(remembrance[K, V]).value, true
}

// put remembers the value from now on.
func (r *recent[K, V]) put(key K, value V) {
	if element, ok := r.entries[key]; ok {
		r.order.Remove(element)
	}
	r.entries[key] = r.order.PushBack(remembrance[K, V]{key, value, r.now()})
	r.forget()
}

// forget drops what is older than the window, and the oldest beyond the limit.
func (r *recent[K, V]) forget() {
	for oldest := r.order.Front(); oldest != nil; oldest = r.order.Front() {
		entry := oldest.Value.(remembrance[K, V])
		if r.order.Len() <= r.limit && r.now().Sub(entry.at) <= r.window {
			return
		}
		r.order.Remove(oldest)
		delete(r.entries, entry.key)
	}
}
