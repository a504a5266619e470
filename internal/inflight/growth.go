package inflight

import "github.com/caddy-payermax/caddy-payermax/internal/reply"

// Large counts what answers and notifications hold beyond their first
// [reply.AnswerStep], a place for each step, in the process. They are a few kilobytes,
// but large ones that arrive slowly pile up.
var Large = New()

// fewestLarge is how many places there are at least, which is one answer of the
// largest size.
const fewestLarge = reply.MaxAnswerSize / reply.AnswerStep

// Growth is what one request holds beyond the first step. The zero value is nothing.
type Growth struct{ places int }

// Take takes a place for another step, and reports whether there was a place. There are
// half as many places as there may be requests by the bound, so that both together stay
// within the memory limit. Release must be called in the end.
func (g *Growth) Take(bound int) bool {
	if !Large.Enter(max(bound/2, fewestLarge)) {
		return false
	}
	g.places++
	return true
}

// Release gives all places back.
func (g *Growth) Release() {
	for ; g.places > 0; g.places-- {
		Large.Leave()
	}
}
