// Package inuse holds values that belong to the configs in use. Probes and metrics read
// them on each request, so that nothing remains of a config that is gone.
package inuse

import (
	"slices"
	"sync"
)

// Set is a set of values in use. The zero Set is empty. It is safe for concurrent use.
type Set[T comparable] struct {
	mutex sync.Mutex
	used  []T
}

// Add adds a value to the set, until Remove.
func (s *Set[T]) Add(one T) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !slices.Contains(s.used, one) {
		s.used = append(s.used, one)
	}
}

// Remove removes a value from the set.
func (s *Set[T]) Remove(one T) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.used = slices.DeleteFunc(s.used, func(other T) bool { return other == one })
}

// All returns the values in the order in which they were added.
func (s *Set[T]) All() []T {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.used)
}
