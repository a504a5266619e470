package inflight

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// Large answers share half as many places as the bound allows requests, but there are always
// enough for one answer of the maximum size. Places are given back once.
func TestGrowth(t *testing.T) {
	for bound, places := range map[int]int{500: 250, 40: 20, 10: reply.MaxAnswerSize / reply.AnswerStep} {
		var first, second Growth
		for range places - 1 {
			assert.True(t, first.Take(bound))
		}
		assert.True(t, second.Take(bound))
		assert.False(t, second.Take(bound))
		assert.False(t, first.Take(bound))
		assert.Equal(t, places, Large.Taken())
		first.Release()
		assert.Equal(t, 1, Large.Taken())
		first.Release()
		assert.Equal(t, 1, Large.Taken(), "released twice")
		assert.True(t, second.Take(bound))
		second.Release()
		assert.Zero(t, Large.Taken())
	}
}
