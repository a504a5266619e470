package keys

// Notice is what a source logs about its key when it changes, rather than each time the key
// is read: while a generation is refused, it is read every few seconds. The zero Notice is
// ready for use, by one reader at a time, as a source has it.
type Notice struct {
	last string
}

// IsNew reports whether the notice has to be logged, since it is not the one before.
func (n *Notice) IsNew(notice string) bool {
	isNew := notice != n.last
	n.last = notice
	return isNew
}

// Forget has the next notice logged, whatever it is: what the last one said is over.
func (n *Notice) Forget() { n.last = "" }
