package stores

import (
	"context"
	"crypto/rand"
	"time"
)

// Claims ensure that only one of several replicas does something, and that it is done once.
type Claims interface {
	// Claim takes the key until the lease is over, unless another claim holds it or it is
	// done. Use the returned claim only if the state is New or if there is an error. After an
	// error, the store may have recorded the claim, so the caller must end it as well.
	Claim(ctx context.Context, key Key, lease time.Duration) (State, Claim, error)

	// Renew starts the lease of a claim again. If the store has lost the claim, it takes the
	// claim again. If another claim holds the key by now, or the key is done, nothing
	// changes, and there is no error.
	Renew(ctx context.Context, claim Claim, lease time.Duration) error

	// Finish records that the key is done, and remembers that for a while. It does so
	// whichever claim holds the key by now, since being done is a fact.
	Finish(ctx context.Context, claim Claim, remember time.Duration) error

	// Release gives a claim back, so that the key can be claimed again. If the claim is over,
	// or another claim holds the key by now, nothing changes, and there is no error.
	Release(ctx context.Context, claim Claim) error
}

// State is the state in which a claim has found its key.
type State int

const (
	// New means that no claim held the key, or that the lease was over. Now it is claimed.
	New State = iota
	// UnderWay means that another claim holds the key.
	UnderWay
	// Done means that the key was finished, and is still remembered.
	Done
)

// String returns the state's name as it appears in logs.
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

// Claim is a claim that may hold a key.
type Claim struct {
	// Key is the claimed key.
	Key Key
	// Token is random text that distinguishes this claim from all others of the key, so that
	// only its owner can release it.
	Token string
}

// NewClaim returns a claim of the key with a new token.
func NewClaim(key Key) Claim { return Claim{key, rand.Text()} }
