package markdown

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const page = "# The page\n" +
	"\n" +
	"A [link](other.md#part), `[no](link)` and ![an image](a.png).\n" +
	"\n" +
	"<picture>\n  <source srcset=\"dark.png\">\n  <img alt=\"src\" src=\"light.png\">\n</picture>\n" +
	"\n" +
	"<!-- Caddyfile -->\n" +
	"```caddyfile\n:8080 {\n}\n```\n" +
	"\n" +
	"## `private_key` of [PayerMax](https://example.com)\n" +
	"\n" +
	"```\n# no heading, [no](link)\n```\n" +
	"\n" +
	"| a | b |\n| --- | --- |\n| `x` | 1, 2 |\n| y |  |\n" +
	"\n" +
	"## What's next?\n" +
	"\n" +
	"## What's next?\n"

func TestBlocks(t *testing.T) {
	assert.Equal(t, []Block{
		{Language: "caddyfile", Comment: "Caddyfile", Text: ":8080 {\n}\n"},
		{Text: "# no heading, [no](link)\n"},
	}, Blocks(page))
}

func TestLinksAndAnchors(t *testing.T) {
	assert.Equal(t, []string{"other.md#part", "a.png", "dark.png", "light.png", "https://example.com"}, Links(page))
	assert.Equal(t, map[string]bool{
		"the-page": true, "private_key-of-payermax": true, "whats-next": true, "whats-next-1": true,
	}, Anchors(page))
}

func TestSectionAndRows(t *testing.T) {
	section, err := Section(page, "What's next?")
	require.NoError(t, err)
	assert.Empty(t, Rows(section))
	_, err = Section(page, "Nothing")
	require.Error(t, err)
	assert.Equal(t, [][]string{{"`x`", "1, 2"}, {"y", ""}}, Rows(page))
}
