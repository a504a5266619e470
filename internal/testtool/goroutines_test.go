package testtool

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Goroutines that have started since are found, however many others end.
func TestGoroutines(t *testing.T) {
	early, late := make(chan struct{}), make(chan struct{})
	for range 10 {
		go func() { <-early }()
	}
	since := Goroutines()
	assert.Empty(t, since())
	for range 3 {
		go func() { <-late }()
	}
	close(early)
	require.Len(t, since(), 3)
	assert.Contains(t, since()[0], "TestGoroutines")
	close(late)
	assert.Eventually(t, func() bool { return len(since()) == 0 }, 30*time.Second, time.Millisecond)
}
