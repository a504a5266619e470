package payermax

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
)

// The README can be read in a few minutes: what is longer has a page of its own.
func TestReadmeIsShort(t *testing.T) {
	size := len(markdown.Page(t, "README.md"))
	assert.Greater(t, size, 8_000)
	assert.LessOrEqual(t, size, 10*1024)
}

// Whatever is not in the README is found by the map.
func TestReadmeLeadsToTheMap(t *testing.T) {
	assert.Contains(t, markdown.Links(markdown.Page(t, "README.md")), "docs/README.md")
}
