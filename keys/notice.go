package keys

// Notice is what a source logs about its key when it changes, rather than each time the key
// is read: while a generation is refused, it is read every few seconds. The zero Notice is
// ready for use, by one reader at a time, as a source has it.
type Notice struct {
	last string
}

// IsNew reports whether the notice has to be logged: it is not "", and not the one before.
func (n *Notice) IsNew(notice string) bool {
	isNew := notice != "" && notice != n.last
	n.last = notice
	return isNew
}
