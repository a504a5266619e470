package commands_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/modules/health"
)

// payermax_health answers each URL that completion offers.
func TestOfferedProbesExist(t *testing.T) {
	t.Parallel()
	r := run{dir: t.TempDir()}
	offered := strings.Fields(r.caddy(t, "__complete", "payermax-health", "--url", "http").stdout)
	require.Len(t, offered, 4, "three paths and the directive for the shell")
	nothing := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	asked := context.WithValue(t.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer())
	for _, address := range offered[:3] {
		parsed, err := url.Parse(address)
		require.NoError(t, err)
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(asked, http.MethodGet, parsed.Path, nil)
		require.NoError(t, new(health.Handler).ServeHTTP(w, r, nothing))
		assert.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, w.Code, address)
		assert.Contains(t, w.Body.String(), `"status"`, address)
	}
}
