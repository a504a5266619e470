package sandbox

// deviations are what a request does that PayerMax's pages do not have, but its own SDKs, plugins or examples do. A
// strict gateway lets none of it pass.
type deviations struct {
	strict bool
	found  []string
}

// allow notes a deviation, and reports whether it may pass. The sentence is for the record of the call.
func (d *deviations) allow(sentence string) bool {
	if d.strict {
		return false
	}
	d.found = append(d.found, sentence)
	return true
}
