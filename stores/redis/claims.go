package redis

import (
	"context"
	_ "embed"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// done is the value of a finished key. No token equals it, since tokens are in upper case.
const done = "done"

//go:embed claim.lua
var claimSource string

//go:embed release.lua
var releaseSource string

var (
	claimScript   = redis.NewScript(claimSource)
	releaseScript = redis.NewScript(releaseSource)
)

// Claim takes the key, unless it is held or done.
func (s *server) Claim(ctx context.Context, key stores.Key, lease time.Duration) (state stores.State, claim stores.Claim, err error) {
	claim = stores.NewClaim(key)
	err = s.ask(ctx, "claim", func(ctx context.Context) error {
		state, err = s.claim(ctx, claim, lease)
		return err
	})
	return state, claim, err
}

// Renew starts the lease of a claim again.
func (s *server) Renew(ctx context.Context, claim stores.Claim, lease time.Duration) error {
	return s.ask(ctx, "renew", func(ctx context.Context) error {
		_, err := s.claim(ctx, claim, lease)
		return err
	})
}

// claim takes the key for the claim, even if the claim holds it already, for example after an
// attempt whose answer was lost.
func (s *server) claim(ctx context.Context, claim stores.Claim, lease time.Duration) (stores.State, error) {
	found, err := claimScript.Run(ctx, s.client, []string{s.name(claim.Key)}, claim.Token, milliseconds(lease), done).Int()
	return stores.State(found), err
}

// Finish remembers that the key is done.
func (s *server) Finish(ctx context.Context, claim stores.Claim, remember time.Duration) error {
	return s.ask(ctx, "finish", func(ctx context.Context) error {
		return s.client.Set(ctx, s.name(claim.Key), done, remember).Err()
	})
}

// Release gives a claim back if it still holds its key.
func (s *server) Release(ctx context.Context, claim stores.Claim) error {
	return s.ask(ctx, "release", func(ctx context.Context) error {
		return releaseScript.Run(ctx, s.client, []string{s.name(claim.Key)}, claim.Token).Err()
	})
}

// milliseconds returns a time to live in the server's unit, at least one.
func milliseconds(ttl time.Duration) int64 { return max(1, ttl.Milliseconds()) }
