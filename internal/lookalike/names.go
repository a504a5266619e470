package lookalike

// Names are the member names that an object is known to have.
type Names struct {
	names    []string
	byShape  map[string]int
	byNumber map[uint64]int
}

// NewNames returns a Names of the given names. A name's place is its index among them.
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

// Find returns the place of the known name that a parser could take name for: one with
// the same shape, or one with the same number, for parsers that compare only numbers. It
// also finds name itself.
func (n *Names) Find(name []byte) (place int, ok bool) {
	var shape [64]byte // room for most names without an allocation
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

// Known returns the known name that a parser could take name for, or "". See
// [Names.Find].
func (n *Names) Known(name []byte) string {
	if place, ok := n.Find(name); ok {
		return n.names[place]
	}
	return ""
}
