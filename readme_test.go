package payermax

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
)

// The README stays short enough to be read in a few minutes. Longer explanations have
// their own pages.
func TestReadmeIsShort(t *testing.T) {
	size := len(markdown.Page(t, "README.md"))
	assert.Greater(t, size, 8_000)
	assert.LessOrEqual(t, size, 10*1024)
}

// The README links to the index of the pages, which leads to everything else.
func TestReadmeLeadsToTheMap(t *testing.T) {
	assert.Contains(t, markdown.Links(markdown.Page(t, "README.md")), "docs/README.md")
}
