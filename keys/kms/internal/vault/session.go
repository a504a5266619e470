package vault

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// lookInterval is how often a session looks after its token.
	lookInterval = 5 * time.Second

	// loginPause is how long a login stands, at least, before a denied request
	// leads to another. A policy that does not allow a request would otherwise
	// cost a login for each of them.
	loginPause = 10 * time.Second
)

// Session has a token and keeps it good. It is safe for concurrent use.
type Session struct {
	client *Client
	method Method
	log    *slog.Logger

	// lease is what requests use; nil until the first login.
	lease atomic.Pointer[Lease]

	// turn is taken to obtain or renew a token, so that it happens once however
	// many requests are denied. It is a channel, because a request can stop
	// waiting for a channel. What follows belongs to whoever has the turn.
	turn    chan struct{}
	loginAt time.Time // of the last attempt
}

// NewSession returns a session that has no token yet.
func NewSession(client *Client, method Method, log *slog.Logger) *Session {
	return &Session{client: client, method: method, log: log, turn: make(chan struct{}, 1)}
}

// Do makes a request with the token. If the token is denied and another is to be
// had, the request is made once more with that one.
func (s *Session) Do(ctx context.Context, call func(token Secret) error) error {
	token, err := s.token(ctx)
	if err != nil {
		return err
	}
	err = call(token)
	if !IsDenied(err) {
		return err
	}
	other, replaceErr := s.replace(ctx, token)
	switch {
	case replaceErr != nil:
		return fmt.Errorf("%w; then %w", err, replaceErr)
	case other.Equal(token):
		return err
	}
	return call(other)
}

// token returns the token, after a login if there is none yet.
func (s *Session) token(ctx context.Context) (Secret, error) {
	if lease := s.lease.Load(); lease != nil {
		return lease.Token, nil
	}
	done, err := s.take(ctx)
	if err != nil {
		return Secret{}, err
	}
	defer done()
	if lease := s.lease.Load(); lease != nil {
		return lease.Token, nil
	}
	lease, err := s.login(ctx)
	if err != nil {
		return Secret{}, err
	}
	return lease.Token, nil
}

// replace returns a token instead of one that was denied: the one that somebody
// else obtained meanwhile, or that of a new login. It returns the denied one if it
// was obtained only just now.
func (s *Session) replace(ctx context.Context, denied Secret) (Secret, error) {
	done, err := s.take(ctx)
	if err != nil {
		return Secret{}, err
	}
	defer done()
	if lease := s.lease.Load(); !lease.Token.Equal(denied) || time.Since(s.loginAt) < loginPause {
		return lease.Token, nil
	}
	lease, err := s.login(ctx)
	if err != nil {
		return Secret{}, err
	}
	return lease.Token, nil
}

// take waits for the turn and returns what gives it back.
func (s *Session) take(ctx context.Context) (done func(), err error) {
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a token: %w", context.Cause(ctx))
	}
}

// login obtains a token and makes it the one that requests use. The caller has the
// turn.
func (s *Session) login(ctx context.Context) (*Lease, error) {
	lease, err := s.obtain(ctx)
	if err != nil {
		return nil, err
	}
	s.use(lease)
	return lease, nil
}

// obtain obtains a token. The caller has the turn.
func (s *Session) obtain(ctx context.Context) (*Lease, error) {
	s.loginAt = time.Now()
	lease, err := s.method.Login(ctx, s.client)
	if err != nil {
		return nil, err
	}
	return &lease, nil
}

// use makes a token the one that requests use.
func (s *Session) use(lease *Lease) {
	s.lease.Store(lease)
	s.log.Info("token obtained", "ttl", lease.TTL, "renewable", lease.Renewable)
}
