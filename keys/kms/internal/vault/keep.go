package vault

import (
	"context"
	"errors"
	"time"
)

const (
	firstBackoff = time.Second
	maxBackoff   = 30 * time.Second
)

// Backoff returns how long to wait after a number of consecutive failures: one second,
// doubled each time, up to 30 seconds.
func Backoff(failures int) time.Duration {
	wait := firstBackoff
	for range failures - 1 {
		if wait *= 2; wait >= maxBackoff {
			return maxBackoff
		}
	}
	return wait
}

// Sleep waits, and returns false if the context ended first.
func Sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Keep keeps the token valid until the context ends: it renews the token in time, logs in
// again if renewal does not help, and switches to a token that has replaced the old one.
// Failures are retried with increasing delays, and logged once.
func (s *Session) Keep(ctx context.Context) {
	var failures int
	var retryAt time.Time
	for Sleep(ctx, s.untilLook(retryAt)) {
		err := s.look(ctx, retryAt)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && time.Now().Before(retryAt):
			// Nothing was due, so this success does not show that anything works again.
		case err == nil:
			if failures > 0 {
				s.log.Info("the token is renewed again")
			}
			failures, retryAt = 0, time.Time{}
		default:
			if failures++; failures == 1 {
				s.log.Warn("the token could not be renewed; it is used until it expires, and renewal is tried again", "error", err)
			}
			retryAt = time.Now().Add(Backoff(failures))
		}
	}
}

// untilLook returns how long to wait before the next look.
func (s *Session) untilLook(retryAt time.Time) time.Duration {
	wait := lookInterval
	if lease := s.lease.Load(); lease != nil {
		if due, ok := lease.Due(); ok {
			if retryAt.After(due) {
				due = retryAt
			}
			wait = min(wait, time.Until(due))
		}
	}
	// A token with a tiny TTL must not turn this into a busy loop.
	return max(wait, time.Second/2)
}

// look does whatever is due, unless it is too early for another attempt after a failure.
func (s *Session) look(ctx context.Context, retryAt time.Time) error {
	lease := s.lease.Load()
	if lease == nil {
		return nil // the first request logs in
	}
	done, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer done()

	lease = s.lease.Load()
	replaced, err := s.method.Replaced(lease.Token)
	if replaced {
		_, err = s.login(ctx)
		return err
	}
	now := time.Now()
	due, ok := lease.Due()
	if !ok || now.Before(due) || now.Before(retryAt) {
		return err
	}
	if lease.Renewable {
		enough, err := s.renew(ctx, *lease)
		if err != nil && !IsRefused(err) || enough {
			return err
		}
	}
	return s.relogin(ctx, lease)
}

// renew renews the token, and reports whether the new TTL is long enough. It is not if it
// is less than half of the login's TTL: then the max TTL is near, beyond which the token
// cannot be renewed.
func (s *Session) renew(ctx context.Context, lease Lease) (enough bool, err error) {
	renewed, err := s.client.Renew(ctx, lease)
	if err != nil {
		return false, err
	}
	// Near the max TTL, the server may give less than a second, which it writes as 0.
	// Taken literally, that would be a token that does not expire.
	if renewed.TTL > 0 {
		s.lease.Store(&renewed)
	}
	s.log.Debug("token renewed", "ttl", renewed.TTL)
	return renewed.TTL >= lease.Granted/2, nil
}

// relogin replaces a token that can no longer be renewed. If there is no other token, the
// old one stays in use, and its renewal stays due.
func (s *Session) relogin(ctx context.Context, old *Lease) error {
	lease, err := s.obtain(ctx)
	switch {
	case err != nil:
		return err
	case lease.Token.Equal(old.Token):
		return errors.New("the token is about to end and the server does not renew it any more; write a new one to token_file")
	}
	s.use(lease)
	return nil
}
