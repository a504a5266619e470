package cpus

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

// GOMAXPROCS does not add CPUs, and Usable does not change it.
func TestUsable(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	for _, set := range []int{1, 64, 10_000} {
		t.Setenv("GOMAXPROCS", "64")
		runtime.GOMAXPROCS(set)
		usable := Usable()
		assert.Positive(t, usable)
		assert.LessOrEqual(t, usable, min(set, runtime.NumCPU()))
		assert.Equal(t, set, runtime.GOMAXPROCS(0))
	}
}
