package reply

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A status that says more than the code could is one that says nothing.
func TestPassableStatus(t *testing.T) {
	for received, passes := range map[int]int{200: 200, 201: 502, 206: 502, 400: 400, 401: 401, 407: 502, 409: 409, 418: 502, 429: 429, 500: 500, 503: 503, 504: 504, 511: 502} {
		assert.Equal(t, passes, (&Answer{Status: received}).passableStatus(), received)
	}
}
