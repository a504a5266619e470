package vault

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// lookInterval is the maximum time between two looks at the token.
	lookInterval = 5 * time.Second

	// loginPause is the minimum time between a login and another one that a denied
	// request causes. Otherwise, if a policy does not allow a request, each such request
	// would cause a login.
	loginPause = 10 * time.Second
)

// Session holds a token and keeps it valid. It is safe for concurrent use.
type Session struct {
	client *Client
	method Method
	log    *slog.Logger

	// lease is the token that requests use; nil until the first login.
	lease atomic.Pointer[Lease]

	// turn is a lock that is held to obtain or renew a token, so that this happens once
	// no matter how many requests are denied. It is a channel, so that a request can stop
	// waiting for it. It guards the fields below.
	turn    chan struct{}
	loginAt time.Time // when the last login was attempted
}

// NewSession returns a session that has no token yet.
func NewSession(client *Client, method Method, log *slog.Logger) *Session {
	return &Session{client: client, method: method, log: log, turn: make(chan struct{}, 1)}
}

// Do makes a request with the token. If the token is denied and another one is available,
// the request is made once more with that one.
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

// token returns the token. If there is none yet, it logs in first.
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

// replace returns a replacement for a token that was denied: one that was obtained in the
// meantime, or one from a new login. If the denied token was obtained less than
// loginPause ago, replace returns that one.
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

// take waits for the turn. done releases it.
func (s *Session) take(ctx context.Context) (done func(), err error) {
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a token: %w", context.Cause(ctx))
	}
}

// login obtains a token and makes it the one that requests use. The caller must hold the
// turn.
func (s *Session) login(ctx context.Context) (*Lease, error) {
	lease, err := s.obtain(ctx)
	if err != nil {
		return nil, err
	}
	s.use(lease)
	return lease, nil
}

// obtain obtains a token. The caller must hold the turn.
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
