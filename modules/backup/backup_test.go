package backup

import (
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/stretchr/testify/assert"
)

// The first available upstream is chosen. An empty pool has none.
func TestSelect(t *testing.T) {
	first, backup := &reverseproxy.Upstream{Host: new(reverseproxy.Host)}, &reverseproxy.Upstream{Host: new(reverseproxy.Host)}
	pool := reverseproxy.UpstreamPool{first, backup}
	assert.Same(t, first, new(Policy).Select(pool, nil, nil))
	assert.Same(t, backup, new(Policy).Select(pool[1:], nil, nil))
	assert.Nil(t, new(Policy).Select(nil, nil, nil))
}

func TestUnmarshalCaddyfile(t *testing.T) {
	assert.NoError(t, new(Policy).UnmarshalCaddyfile(caddyfile.NewTestDispenser("payermax_backup")))
	assert.ErrorContains(t, new(Policy).UnmarshalCaddyfile(caddyfile.NewTestDispenser("payermax_backup 2")), "takes no options")
}
