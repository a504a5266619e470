package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// checkInterval is how often the server is asked whether it answers.
const checkInterval = 5 * time.Second

// reviewInterval is how often the server is asked for its settings, which can change while it
// is running.
const reviewInterval = time.Minute

// server is a Redis or Valkey server, or a cluster of them.
type server struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
	withTLS bool
	files   []string
	logger  *zap.Logger

	// reserved counts the calls that still have to be settled.
	reserved atomic.Int64

	mutex  sync.Mutex
	health stores.Health // empty until the first check
}

// How long the connections of a replaced config stay open: long enough for requests that have
// not used the store yet (lingering), and no longer than any call takes (longest).
const (
	lingering = 10 * time.Second
	longest   = 2 * time.Minute
)

// closeWhenDone closes the connections once the calls in flight are settled.
func (s *server) closeWhenDone() {
	ended := time.Now()
	for waited := time.Duration(0); waited < lingering || s.reserved.Load() > 0 && waited < longest; waited = time.Since(ended) {
		time.Sleep(100 * time.Millisecond)
	}
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		s.logger.Warn("closing the connections to the store", zap.Error(err))
	}
}

// ask carries out an operation within the timeout, and observes how long it takes.
func (s *server) ask(ctx context.Context, operation string, carryOut func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	began := time.Now()
	err := carryOut(ctx)
	stores.Observe(operation, began, err != nil)
	if err != nil {
		return fmt.Errorf("redis: %s: %w", operation, explain(err, s.withTLS))
	}
	return nil
}

// name returns the name of a key on the server.
func (s *server) name(key stores.Key) string { return s.prefix + key.String() }

// watch checks regularly whether the server answers, until the context ends. It asks for the
// server's settings when the server is back, since it may be a different server, and at each
// review.
func (s *server) watch(ctx context.Context, checks, reviews <-chan time.Time) {
	var said []stores.Concern
	for {
		if err := s.Check(ctx); ctx.Err() == nil && s.note(err) {
			said = s.warnOfConcerns(ctx, nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-reviews:
			said = s.warnOfConcerns(ctx, said)
		case <-checks:
		}
	}
}

// Check makes a claim, so that it detects a server that can be reached but not used: a
// replica that accepts no writes, a full server, or a user who may not run scripts.
func (s *server) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	_, err := s.claim(ctx, stores.Claim{Key: stores.NewScope("check").Key(rand.Text()), Token: "check"}, time.Millisecond)
	return explain(err, s.withTLS)
}

// warnOfConcerns logs settings of the server that conflict with its purpose, unless they are
// in said. It returns what has been said since the settings were last in order. If the user
// may not read the settings, only the doctor reports that.
func (s *server) warnOfConcerns(ctx context.Context, said []stores.Concern) []stores.Concern {
	concerns, err := s.Concerns(ctx)
	if err != nil {
		s.logger.Debug("the settings of the shared store are not known", zap.Error(err))
		return said
	}
	if len(concerns) == 0 {
		return nil
	}
	for _, concern := range concerns {
		if !slices.Contains(said, concern) {
			s.logger.Warn(concern.Message + "; " + concern.Next)
			said = append(said, concern)
		}
	}
	return said
}

// note records whether the server answers, and logs a change. It reports whether the server
// answers again, or for the first time.
func (s *server) note(problem error) (isBack bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before := s.health
	if problem != nil {
		s.health.Problem = problem.Error()
	} else {
		s.health.Problem = ""
	}
	s.health.Reachable = problem == nil
	switch isFirst := before.Since.IsZero(); {
	case !isFirst && before.Reachable == s.health.Reachable:
		return false
	case problem != nil:
		s.logger.Warn("the shared store does not answer, or returns errors", zap.Error(problem))
	default:
		s.logger.Info("the shared store answers")
	}
	s.health.Since = time.Now()
	return problem == nil
}

// Health returns the state of the server.
func (s *server) Health() stores.Health {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	health := s.health
	health.Name = "redis"
	if health.Since.IsZero() {
		health.Since, health.Problem = time.Now(), "it has not been asked yet"
	}
	return health
}

// Files returns the paths of the files that are read for each new connection.
func (s *server) Files() []string { return s.files }

// quiet sends the client's own messages to Caddy's log at debug level. Anything that matters
// is returned as an error as well.
type quiet struct{}

func init() { redis.SetLogger(quiet{}) }

// Printf logs one of the client's messages.
func (quiet) Printf(_ context.Context, format string, arguments ...any) {
	caddy.Log().Named("payermax.stores.redis.client").Debug(fmt.Sprintf(format, arguments...))
}

// Interface guards
var _ stores.Remote = (*server)(nil)
