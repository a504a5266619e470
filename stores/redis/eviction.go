package redis

import (
	"context"
	"fmt"
	"regexp"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// keepsAll is the maxmemory-policy with which a full server refuses new data instead of
// evicting keys.
const keepsAll = "noeviction"

var policyLine = regexp.MustCompile(`(?m)^maxmemory_policy:(\S+)`)

// Concerns asks whether the server evicts keys before they expire. All keys have a time to
// live, so every policy but one evicts them.
func (s *server) Concerns(ctx context.Context) ([]stores.Concern, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var mutex sync.Mutex
	var concerns []stores.Concern
	err := s.eachNode(ctx, func(ctx context.Context, node redis.Cmdable) error {
		info, err := node.Info(ctx, "memory").Result()
		if err != nil {
			return fmt.Errorf("redis: info: %w", explain(err, s.withTLS))
		}
		found := policyLine.FindStringSubmatch(info)
		if found == nil || found[1] == keepsAll {
			return nil
		}
		mutex.Lock()
		defer mutex.Unlock()
		if len(concerns) == 0 { // once for all nodes
			concerns = append(concerns, stores.Concern{
				Message: "the store's maxmemory-policy is " + found[1] + ": once its maxmemory is used up, it forgets how much of the budgets is spent and which notifications were accepted",
				Next:    "set maxmemory-policy to " + keepsAll,
			})
		}
		return nil
	})
	return concerns, err
}

// eachNode calls do for the server, or for each node of a cluster that accepts writes.
func (s *server) eachNode(ctx context.Context, do func(context.Context, redis.Cmdable) error) error {
	if cluster, isCluster := s.client.(*redis.ClusterClient); isCluster {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return do(ctx, node) })
	}
	return do(ctx, s.client)
}
