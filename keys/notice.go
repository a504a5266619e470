package keys

// Notice lets a source log something about its key only when it changes, and not each time
// the key is read: while a generation is refused, the key is read every few seconds. The
// zero Notice is ready for use. It is not safe for concurrent use.
type Notice struct {
	last string
}

// IsNew reports whether the notice must be logged, and remembers it. A notice must be
// logged if it is not the same as the one before.
func (n *Notice) IsNew(notice string) bool {
	isNew := notice != n.last
	n.last = notice
	return isNew
}

// Forget forgets the last notice, because what it said is over. The next one is logged,
// whatever it is.
func (n *Notice) Forget() { n.last = "" }
