package stores

import (
	"context"
	"crypto/rand"
	"time"
)

// Claims see to it that of several replicas one alone does a thing, and that it is done
// once.
type Claims interface {
	// Claim takes what the key stands for, until the lease is over, unless somebody
	// holds it or it is done. The claim is to be used only if the state is New or there
	// is an error: then the store may have it, so that it is to be ended as well.
	Claim(ctx context.Context, key Key, lease time.Duration) (State, Claim, error)

	// Renew makes the lease of a claim begin anew. A claim that the store has lost is
	// taken again; one that somebody else holds by now, or that is done, stays as it
	// is, without an error.
	Renew(ctx context.Context, claim Claim, lease time.Duration) error

	// Finish notes that what was claimed is done, which is remembered for a while. That
	// holds whoever has the claim by now, since it is a fact.
	Finish(ctx context.Context, claim Claim, remember time.Duration) error

	// Release gives a claim back, so that the next may take it. A claim that is over,
	// or that somebody else holds by now, stays as it is, without an error.
	Release(ctx context.Context, claim Claim) error
}

// State is what a claim has found.
type State int

const (
	// New is what nobody has held, or somebody whose lease is over: now it is claimed.
	New State = iota
	// UnderWay is what somebody else holds.
	UnderWay
	// Done is what was finished, and is still remembered.
	Done
)

// String returns the state's name, as logs have it.
func (s State) String() string {
	switch s {
	case New:
		return "new"
	case UnderWay:
		return "under_way"
	default:
		return "done"
	}
}

// Claim is a key that somebody holds.
type Claim struct {
	// Key is what is claimed.
	Key Key
	// Token is random text that tells this claim from all others of the key, so that
	// only its owner can release it.
	Token string
}

// NewClaim returns a claim of the key that has a token of its own.
func NewClaim(key Key) Claim { return Claim{key, rand.Text()} }
