package validate

// condition makes a field required depending on what else was sent.
type condition struct {
	says  string // completes "is required ..."
	holds func(siblings *members) bool
}

// needed reports whether a field must be sent, and says so: "is required when no
// tradeToken is sent".
func (f *field) needed(siblings *members) (required string, ok bool) {
	switch {
	case f.required:
		return "is required", true
	case f.requiredWhen != nil && f.requiredWhen.holds(siblings):
		return "is required " + f.requiredWhen.says, true
	default:
		return "", false
	}
}

// with makes a field required when another field of the same object is sent.
func with(name string) *condition {
	return &condition{
		says:  "together with " + name,
		holds: func(siblings *members) bool { return siblings.filled(name) },
	}
}

// without makes a field required when another field of the same object is not sent, because
// PayerMax needs one of the two.
func without(name string) *condition {
	return &condition{
		says:  "when no " + name + " is sent",
		holds: func(siblings *members) bool { return !siblings.filled(name) },
	}
}

// is makes a field required when another field of the block has this value.
func is(name, word string) *condition {
	return &condition{
		says:  "when " + name + " is " + word,
		holds: func(siblings *members) bool { return string(siblings.block().text(name)) == word },
	}
}
