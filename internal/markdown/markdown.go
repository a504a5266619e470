// Package markdown reads of a page what tests want to know: its blocks of code,
// its tables, where it links to, and where it can be linked to. It knows the
// Markdown of this repository's pages, not all there is.
package markdown

import (
	"fmt"
	"regexp"
	"strings"
)

// Block is a fenced block of code.
type Block struct {
	// Language is the word behind the fence, such as "caddyfile", or "".
	Language string
	// Comment is the text of an HTML comment on the line before, or "".
	Comment string
	Text    string
}

var fenced = regexp.MustCompile("(?ms)^(?:<!-- ([^\n]*?) -->\n)?```([a-z]*)\n(.*?)^```$")

// Blocks returns the blocks of a page, from its top to its end.
func Blocks(page string) []Block {
	var blocks []Block
	for _, found := range fenced.FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, Block{Comment: found[1], Language: found[2], Text: found[3]})
	}
	return blocks
}

// Section returns what stands under a heading of the second level, up to the
// next.
func Section(page, heading string) (string, error) {
	_, rest, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		return "", fmt.Errorf("there is no section %q", heading)
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	return section, nil
}

// Rows returns the cells of all tables of a text, without their heads.
func Rows(text string) [][]string {
	var rows [][]string
	inTable := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			inTable = false
		case strings.Trim(line, "|-: ") == "":
			inTable = true
		case inTable:
			cells := strings.Split(strings.Trim(line, "|"), " | ")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

var (
	codeSpan = regexp.MustCompile("`[^`\n]+`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	linked   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	unlinked = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// Links returns where a page links to, images included.
func Links(page string) []string {
	var targets []string
	for _, found := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(prose(page), "x"), -1) {
		targets = append(targets, found[1])
	}
	return targets
}

// Anchors returns the names of a page's headings, as GitHub makes them.
func Anchors(page string) map[string]bool {
	anchors := make(map[string]bool)
	seen := make(map[string]int)
	for _, found := range heading.FindAllStringSubmatch(prose(page), -1) {
		text := strings.ToLower(linked.ReplaceAllString(found[1], "$1"))
		name := strings.ReplaceAll(unlinked.ReplaceAllString(text, ""), " ", "-")
		anchor := name
		if seen[name] > 0 {
			anchor = fmt.Sprintf("%s-%d", name, seen[name])
		}
		seen[name]++
		anchors[anchor] = true
	}
	return anchors
}

// prose is a page without its blocks of code.
func prose(page string) string { return fenced.ReplaceAllString(page, "") }
