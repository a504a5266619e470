package main

import (
	"slices"
	"strings"
)

// text is a source file, and what is to be written into it. Nodes of a syntax tree lie
// within one another, so what stands before and after them nests of itself, provided that
// the outer node is written before the inner ones.
type text struct {
	source        []byte
	before, after map[int][]string // by offset; before a node, and after one
	replaced      map[int]replacement
}

type replacement struct {
	end int
	by  string
}

func newText(source []byte) *text {
	return &text{source: source, before: make(map[int][]string), after: make(map[int][]string), replaced: make(map[int]replacement)}
}

// wrap writes before and after what stands between two offsets.
func (t *text) wrap(from, to int, before, after string) {
	t.before[from] = append(t.before[from], before)
	t.after[to] = append(t.after[to], after)
}

// replace writes something in the place of what stands between two offsets, which must be
// a token, with no node in it.
func (t *text) replace(from, to int, by string) { t.replaced[from] = replacement{to, by} }

// String is the file as it has become. No line has moved.
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
