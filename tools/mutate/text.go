package main

import (
	"slices"
	"strings"
)

// text is a source file and the changes to be written into it. The nodes of a syntax tree are
// nested, so the text written before and after them nests as well, provided that the outer node is
// written before the inner ones.
type text struct {
	source        []byte
	before, after map[int][]string // keyed by offset: before a node, and after it
	replaced      map[int]replacement
}

type replacement struct {
	end int
	by  string
}

func newText(source []byte) *text {
	return &text{source: source, before: make(map[int][]string), after: make(map[int][]string), replaced: make(map[int]replacement)}
}

// wrap adds text before and after the source between two offsets.
func (t *text) wrap(from, to int, before, after string) {
	t.before[from] = append(t.before[from], before)
	t.after[to] = append(t.after[to], after)
}

// replace replaces the source between two offsets, which must be a token without a node inside.
func (t *text) replace(from, to int, by string) { t.replaced[from] = replacement{to, by} }

// String returns the changed file. Every line keeps its number.
func (t *text) String() string {
	var b strings.Builder
	for i := 0; i <= len(t.source); i++ {
		for _, s := range slices.Backward(t.after[i]) {
			b.WriteString(s)
		}
		for _, s := range t.before[i] {
			b.WriteString(s)
		}
		if r, ok := t.replaced[i]; ok {
			b.WriteString(r.by)
			b.WriteString(strings.Repeat("\n", strings.Count(string(t.source[i:r.end]), "\n")))
			i = r.end - 1
			continue
		}
		if i < len(t.source) {
			b.WriteByte(t.source[i])
		}
	}
	return b.String()
}
