package inflight

import "github.com/caddy-payermax/caddy-payermax/internal/reply"

// Large counts, for the process, the memory that answers and notifications hold beyond their
// first [reply.AnswerStep], one place per step. Usually they are a few kilobytes, but large
// ones that arrive slowly pile up.
var Large = New()

// fewestLarge is the minimum number of places: enough for one answer of the maximum size.
const fewestLarge = reply.MaxAnswerSize / reply.AnswerStep

// Growth is what one request holds beyond the first step. The zero value holds nothing.
type Growth struct{ places int }

// Take takes a place for another step, and reports whether there was one. There are half as
// many places as the bound allows requests, so that both together stay within the memory
// limit. Release must be called at the end.
func (g *Growth) Take(bound int) bool {
	if !Large.Enter(max(bound/2, fewestLarge)) {
		return false
	}
	g.places++
	return true
}

// Release gives back all places.
func (g *Growth) Release() {
	for ; g.places > 0; g.places-- {
		Large.Leave()
	}
}
