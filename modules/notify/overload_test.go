package notify

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
)

// Notifications hold memory, too.
func TestNotificationsInFlight(t *testing.T) {
	before := inflight.Process
	t.Cleanup(func() { inflight.Process = before })
	inflight.Process = inflight.New()
	for range inflight.DefaultBound() {
		require.True(t, inflight.Process.Enter(inflight.DefaultBound()))
	}

	n := newHandler(t)
	all := totals(t)
	w := deliver(t, n, post("{}"), testcaddy.Unreachable(t))
	all[overload]++
	assert.Equal(t, all, totals(t))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	assert.True(t, strings.HasPrefix(w.Header().Get("Proxy-Status"), "caddy-payermax; error="), w.Header().Get("Proxy-Status"))
	var refused struct{ Code string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &refused))
	assert.Equal(t, "NOTIFICATION_REFUSED", refused.Code)

	inflight.Process.Leave()
	w = deliver(t, n, post("{}"), testcaddy.Unreachable(t))
	assert.Equal(t, http.StatusForbidden, w.Code)
}

// totals are how many notifications had each result so far.
func totals(t *testing.T) map[string]float64 {
	all := make(map[string]float64)
	for _, result := range results {
		all[result] = counted(t, result)
	}
	return all
}
