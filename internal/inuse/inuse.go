// Package inuse holds what belongs to the configs in use. Probes and metrics ask for it when
// they are asked themselves, so that nothing remains of a config that is gone.
package inuse

import (
	"slices"
	"sync"
)

// Set is what is in use, each once. The zero Set is empty. It may be used by several
// goroutines.
type Set[T comparable] struct {
	mutex sync.Mutex
	used  []T
}

// Add counts something among what is in use, until Remove.
func (s *Set[T]) Add(one T) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !slices.Contains(s.used, one) {
		s.used = append(s.used, one)
	}
}

// Remove ends what Add began.
func (s *Set[T]) Remove(one T) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.used = slices.DeleteFunc(s.used, func(other T) bool { return other == one })
}

// All returns what is in use, in the order in which it came into use.
func (s *Set[T]) All() []T {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.used)
}
