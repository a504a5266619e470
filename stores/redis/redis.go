// Package redis keeps what replicas share in Redis, or in Valkey, which is the same to
// it: the Caddy module payermax.stores.redis.
//
// It is a Go module of its own, so that whoever runs one replica builds without a
// client of Redis.
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
// A config is loaded though the server is away, since the sidecar serves calls and
// notifications without it as well as it can. The log says when the server stops or begins
// to answer, and so do `/readyz` and the metric `caddy_payermax_store_reachable`.
//
// Each operation is one round trip; what reads and writes at once is a script. All keys
// have a time to live, and windows are the server's time. Keys and values have no numbers
// of orders or merchants and no amounts of single orders in clear: keys are hashes.
// All keys of one handler have the same hash tag, so that a cluster keeps them on one node.
type Store struct {
	Settings

	*server
	release func() // from the stores in use
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

// Provision checks the settings, and begins to ask whether the server answers. It does
// not wait for the answer.
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

// Cleanup has the connections closed once nobody needs them: after a reload, requests of
// this config may still be under way, and are to be settled.
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
