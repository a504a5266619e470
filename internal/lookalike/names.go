package lookalike

// Names are the member names that an object is known to have.
type Names struct {
	names    []string
	byShape  map[string]int
	byNumber map[uint64]int
}

// NewNames returns the names, each of which is known by its place among them.
func NewNames(names ...string) *Names {
	n := &Names{names: names, byShape: make(map[string]int, len(names)), byNumber: make(map[uint64]int)}
	for i, name := range names {
		n.byShape[Fold(name)] = i
		for _, number := range NumbersOf([]byte(name)) {
			n.byNumber[number] = i
		}
	}
	return n
}

// Find returns the place of the name that a parser could take another one for: one
// of the same shape, or one that a parser which compares numbers alone cannot tell
// from it. The name itself is found as well.
func (n *Names) Find(name []byte) (place int, ok bool) {
	var shape [64]byte // longer than most names
	if place, ok = n.byShape[string(Append(shape[:0], name))]; ok {
		return place, true
	}
	for _, number := range NumbersOf(name) {
		if place, ok = n.byNumber[number]; ok {
			return place, true
		}
	}
	return 0, false
}

// Known returns the name that a parser could take another one for, or "" if there is no
// such name. See [Names.Find].
func (n *Names) Known(name []byte) string {
	if place, ok := n.Find(name); ok {
		return n.names[place]
	}
	return ""
}
