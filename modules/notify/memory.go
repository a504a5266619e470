package notify

import (
	"errors"
	"io"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
)

// errNoRoom ends the reading of a body for which there is no memory.
var errNoRoom = errors.New("there is not enough memory for the notification")

// memory is the share of the process's memory that a notification holds, beyond the first
// step of its body and the first step of the application's answer.
type memory struct{ inflight.Growth }

// hasRoom reports whether there is memory for another step. If so, it reserves the step.
func (m *memory) hasRoom() bool { return m.Take(inflight.DefaultBound()) }

// held is a body that is read only while there is memory for it, since the sender may be
// anyone.
type held struct {
	io.Reader
	memory *memory
	read   int
	steps  int // reserved so far
}

// Read reads, and reserves memory for what it has read.
func (h *held) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	for h.read += n; h.read > (h.steps+1)*reply.AnswerStep; h.steps++ {
		if !h.memory.hasRoom() {
			return 0, errNoRoom
		}
	}
	return n, err
}
