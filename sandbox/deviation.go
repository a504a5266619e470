package sandbox

// deviations collects what a request has that PayerMax's pages do not document, but its own SDKs, plugins or examples
// send. A strict gateway refuses all of it.
type deviations struct {
	strict bool
	found  []string
}

// allow records a deviation and reports whether it is accepted. The sentence goes into the record of the call.
func (d *deviations) allow(sentence string) bool {
	if d.strict {
		return false
	}
	d.found = append(d.found, sentence)
	return true
}
