// Package markdown finds what tests need in a page: its code blocks, its tables, its
// links, and its anchors. It parses GitHub Flavored Markdown with goldmark, which is
// already a dependency of Caddy's templates.
package markdown

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extensions "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

var reader = goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()

// visit calls see for the nodes of a page, in document order.
func visit(page string, see func(node ast.Node, source []byte)) {
	source := []byte(page)
	// The walk ends with an error only if see returns one.
	_ = ast.Walk(reader.Parse(text.NewReader(source)), func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			see(node, source)
		}
		return ast.WalkContinue, nil
	})
}

// Block is a fenced code block.
type Block struct {
	// Language is the word after the opening fence, such as "caddyfile", or "".
	Language string
	// Comment is the text of an HTML comment on the line before, or "".
	Comment string
	Text    string
}

// Blocks returns the code blocks of a page, in order.
func Blocks(page string) []Block {
	var blocks []Block
	visit(page, func(node ast.Node, source []byte) {
		if code, ok := node.(*ast.FencedCodeBlock); ok {
			blocks = append(blocks, Block{
				Language: string(code.Language(source)),
				Comment:  commentBefore(code, source),
				Text:     string(code.Lines().Value(source)),
			})
		}
	})
	return blocks
}

// commentBefore returns the text of the HTML comment right before a block.
func commentBefore(block ast.Node, source []byte) string {
	html, ok := block.PreviousSibling().(*ast.HTMLBlock)
	if !ok || block.HasBlankPreviousLines() {
		return ""
	}
	comment := strings.TrimSpace(string(html.Lines().Value(source)))
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(comment, "<!--"), "-->"))
}

// Section returns the text under a second-level heading, up to the next one.
func Section(page, heading string) (string, error) {
	_, rest, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		return "", fmt.Errorf("there is no section %q", heading)
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	return section, nil
}

// Rows returns the cells of all tables in a text as they are written, without the header
// rows.
func Rows(page string) [][]string {
	var rows [][]string
	visit(page, func(node ast.Node, source []byte) {
		row, ok := node.(*extensions.TableRow)
		if !ok {
			return
		}
		var cells []string
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, string(bytes.TrimSpace(cell.Lines().Value(source))))
		}
		rows = append(rows, cells)
	})
	return rows
}

// inHTML matches the source of a picture in HTML, which pages use because Markdown has no
// alternative picture for the dark mode.
var inHTML = regexp.MustCompile(`\s(?:src|srcset)="([^"]*)"`)

// Links returns the targets of a page's links, including images.
func Links(page string) []string {
	var targets []string
	visit(page, func(node ast.Node, source []byte) {
		switch n := node.(type) {
		case *ast.Link:
			targets = append(targets, string(n.Destination))
		case *ast.Image:
			targets = append(targets, string(n.Destination))
		case *ast.HTMLBlock:
			for _, found := range inHTML.FindAllSubmatch(n.Lines().Value(source), -1) {
				targets = append(targets, string(found[1]))
			}
		}
	})
	return targets
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// Anchors returns the anchors of a page's headings, as GitHub generates them.
func Anchors(page string) map[string]bool {
	anchors := make(map[string]bool)
	seen := make(map[string]int)
	visit(page, func(node ast.Node, source []byte) {
		heading, ok := node.(*ast.Heading)
		if !ok {
			return
		}
		words := strings.ToLower(plainText(heading, source))
		name := strings.ReplaceAll(notInAnchor.ReplaceAllString(words, ""), " ", "-")
		anchor := name
		if seen[name] > 0 {
			anchor = fmt.Sprintf("%s-%d", name, seen[name])
		}
		seen[name]++
		anchors[anchor] = true
	})
	return anchors
}

// plainText returns the words of a node without their markup.
func plainText(node ast.Node, source []byte) string {
	var words strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		if leaf, ok := child.(*ast.Text); ok {
			words.Write(leaf.Value(source))
			continue
		}
		words.WriteString(plainText(child, source))
	}
	return words.String()
}
