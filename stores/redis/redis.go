// Package redis keeps what replicas share in Redis, or in Valkey, which it treats alike. It
// is the Caddy module payermax.stores.redis.
//
// It is a Go module of its own, so that a build for a single replica needs no Redis client.
package redis

import (
	"context"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

func init() {
	caddy.RegisterModule(new(Store))
}

// Store keeps what replicas share in Redis 6 or later, or in Valkey: a single server, one
// that Sentinels watch, or a cluster.
//
// A config is loaded even if the server cannot be reached, since the sidecar serves calls and
// notifications without it as well as it can. The log says when the server stops or starts to
// answer, and so do `/readyz` and the metric `caddy_payermax_store_reachable`.
//
// Each operation is one round trip; an operation that both reads and writes is a script. All
// keys have a time to live, and windows follow the server's clock. Keys and values contain no
// order or merchant numbers and no amounts of single orders in plain text: keys are hashes.
// All keys of one handler have the same hash tag, so that a cluster keeps them on one node.
type Store struct {
	Settings

	*server
	release func() // removes the store from those in use
	stop    context.CancelFunc
	watch   sync.WaitGroup
}

// CaddyModule returns the Caddy module information.
func (*Store) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax.stores.redis",
		New: func() caddy.Module { return new(Store) },
	}
}

// Provision checks the settings, and starts to check in the background whether the server
// answers. It does not wait for the answer.
func (s *Store) Provision(ctx caddy.Context) error {
	options, err := s.open(ctx)
	if err != nil {
		return err
	}
	s.server = &server{
		client: redis.NewUniversalClient(options.client), prefix: options.prefix, timeout: options.client.ReadTimeout,
		withTLS: options.client.TLSConfig != nil, files: options.files, logger: ctx.Logger(),
	}
	if options.passwordInClear {
		s.logger.Warn("the connection to the store leaves this machine without TLS, with the password and all shared data; write tls in the block of redis, or use a private network",
			zap.Strings("addresses", options.client.Addrs))
	}
	s.release = stores.Use(s.server)
	watching, stop := context.WithCancel(ctx)
	s.stop = stop
	s.watch.Go(func() { s.server.watch(watching, time.Tick(checkInterval), time.Tick(reviewInterval)) })
	return nil
}

// Cleanup closes the connections in the background once they are no longer needed: after a
// reload, calls of this config may still be in flight, and must be settled.
func (s *Store) Cleanup() error {
	if s.server == nil {
		return nil // Provision failed before there was anything to clean up
	}
	s.release()
	s.stop()
	s.watch.Wait()
	go s.server.closeWhenDone()
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner  = (*Store)(nil)
	_ caddy.CleanerUpper = (*Store)(nil)
	_ stores.Store       = (*Store)(nil)
	_ stores.Identified  = (*Store)(nil)
)
