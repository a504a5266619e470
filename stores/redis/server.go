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

// reviewInterval is how often the server is asked for its settings, which can change while
// it runs.
const reviewInterval = time.Minute

// server is a Redis, a Valkey, or a cluster of them.
type server struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
	withTLS bool
	files   []string
	logger  *zap.Logger

	// reserved counts the calls that are to be settled.
	reserved atomic.Int64

	mutex  sync.Mutex
	health stores.Health // empty until it was asked for the first time
}

// How long the connections of a former config stay open: long enough for requests that
// have not asked yet, and no longer than any call takes.
const (
	lingering = 10 * time.Second
	longest   = 2 * time.Minute
)

// closeWhenDone closes the connections when the calls that are under way are settled.
func (s *server) closeWhenDone() {
	ended := time.Now()
	for waited := time.Duration(0); waited < lingering || s.reserved.Load() > 0 && waited < longest; waited = time.Since(ended) {
		time.Sleep(100 * time.Millisecond)
	}
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		s.logger.Warn("closing the connections to the store", zap.Error(err))
	}
}

// ask has the server carry out an operation, within the timeout.
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

// name returns a key as the server has it.
func (s *server) name(key stores.Key) string { return s.prefix + key.String() }

// watch asks at each check whether the server answers, until the context ends. It asks for
// the settings when the server is back, since that may be another one, and at each review.
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

// Check does what a claim does, so that a server that can be reached but not be used is
// found out: a replica that takes no writes, a full one, or a user who may run no script.
func (s *server) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	_, err := s.claim(ctx, stores.Claim{Key: stores.NewScope("check").Key(rand.Text()), Token: "check"}, time.Millisecond)
	return explain(err, s.withTLS)
}

// warnOfConcerns logs how the server's own settings are at odds with what it is for, unless
// that was said before, and returns what was said since they last were in order. A user who
// may not ask for them is the doctor's business.
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

// note remembers whether the server answers, says so if that has changed, and reports
// whether it answers again, or for the first time.
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

// Health is how the server is doing.
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

// Files are the paths of the files that are read for each new connection.
func (s *server) Files() []string { return s.files }

// quiet has the client's own messages go to Caddy's log, where only who looks for a
// problem sees them: what matters comes back as an error as well.
type quiet struct{}

func init() { redis.SetLogger(quiet{}) }

// Printf writes one of the client's messages.
func (quiet) Printf(_ context.Context, format string, arguments ...any) {
	caddy.Log().Named("payermax.stores.redis.client").Debug(fmt.Sprintf(format, arguments...))
}

// Interface guards
var _ stores.Remote = (*server)(nil)
