package inuse

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSet(t *testing.T) {
	var s Set[string]
	assert.Empty(t, s.All())
	s.Remove("b")
	for _, one := range []string{"b", "a", "c", "a"} {
		s.Add(one)
	}
	before := s.All()
	s.Remove("a")
	assert.Equal(t, []string{"b", "c"}, s.All(), "in their order")
	s.Add("a")
	assert.Equal(t, []string{"b", "c", "a"}, s.All())
	assert.Equal(t, []string{"b", "a", "c"}, before, "which is the caller's")
}
