package recent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestValues(t *testing.T) {
	r := New[string, int](time.Hour, 2)
	now := time.Now()
	r.Now = func() time.Time { return now }
	holds := func(want map[string]int) {
		t.Helper()
		for _, key := range []string{"a", "b", "c"} {
			value, ok := r.Get(key)
			expected, remembered := want[key]
			assert.Equal(t, remembered, ok, key)
			assert.Equal(t, expected, value, key)
		}
		assert.Equal(t, len(want), r.Len())
		assert.Len(t, r.entries, len(want))
	}

	holds(nil)
	r.Put("a", 1)
	now = now.Add(time.Minute)
	r.Put("b", 2)
	r.Put("a", 3) // which is now the newer one
	holds(map[string]int{"a": 3, "b": 2})
	r.Put("c", 4)
	holds(map[string]int{"a": 3, "c": 4})

	now = now.Add(time.Hour)
	holds(map[string]int{"a": 3, "c": 4})
	now = now.Add(1)
	holds(nil)
}
