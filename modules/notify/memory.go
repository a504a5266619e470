package notify

import (
	"errors"
	"io"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// errNoRoom ends the reading of a body for which there is no memory.
var errNoRoom = errors.New("there is not enough memory for the notification")

// memory is what a notification holds of the process's memory, beyond the first step of
// its body and that of the application's answer.
type memory struct{ inflight.Growth }

// hasRoom reports whether there is memory for another step, and takes it.
func (m *memory) hasRoom() bool { return m.Take(inflight.DefaultBound()) }

// held is a body that is read only as far as there is memory for it, since whoever sends
// it may be anybody.
type held struct {
	io.Reader
	memory *memory
	read   int
	steps  int // that there was room for
}

// Read reads, and takes room for what it has read.
func (h *held) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	for h.read += n; h.read > (h.steps+1)*reply.AnswerStep; h.steps++ {
		if !h.memory.hasRoom() {
			return 0, errNoRoom
		}
	}
	return n, err
}
