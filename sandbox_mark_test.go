package payermax

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
)

// If a sandbox has answered a call, the answer, the call's log line, the health answer
// and the metric say so, for as long as the sandbox is in use.
func TestSandboxIsMarked(t *testing.T) {
	site := newSandbox(t)
	toSite := func(w http.ResponseWriter, r *http.Request) error { return site.ServeHTTP(w, r, nil) }

	inside := func(t *testing.T) *Handler {
		h := &Handler{Sandbox: true}
		require.NoError(t, testcaddy.Provision(t, h))
		return h
	}
	for name, test := range map[string]struct {
		h      *Handler
		next   func(http.ResponseWriter, *http.Request) error
		body   string
		status string
	}{
		"inside":                     {inside(t), testcaddy.Unreachable(t), sessionBody, `caddy-payermax; received-status=200; details="answer verified"; sandbox`},
		"inside, refused":            {inside(t), testcaddy.Unreachable(t), `{}`, `caddy-payermax; error=http_request_error; details="PARAMS_INVALID"; sandbox`},
		"elsewhere":                  {newHandler(t), toSite, sessionBody, `caddy-payermax; received-status=200; details="answer not checked"; sandbox`},
		"elsewhere, refuses":         {newHandler(t, func(h *Handler) { h.AppID = "other" }), toSite, sessionBody, `caddy-payermax; received-status=200; details="answer not checked"; sandbox`},
		"elsewhere, another's key":   {newHandler(t, verifying(t)), toSite, sessionBody, `caddy-payermax; error=http_protocol_error; received-status=200; details="CHECK_SIGN_ERROR"; sandbox`},
		"not asked":                  {newHandler(t), testcaddy.Unreachable(t), `{}`, `caddy-payermax; error=http_request_error; details="PARAMS_INVALID"`},
		"PayerMax, or whoever it is": {newHandler(t), answering(t), sessionBody, `caddy-payermax; received-status=200; details="answer not checked"`},
	} {
		t.Run(name, func(t *testing.T) {
			logs := logged(test.h)
			w := serve(t, test.h, post(test.body), test.next)
			assert.Equal(t, test.status, w.Header().Get("Proxy-Status"))
			calls := logs.FilterMessage("call").All()
			require.Len(t, calls, 1)
			marked := calls[0].ContextMap()["sandbox"]
			if expected := test.status[len(test.status)-len("; sandbox"):] == "; sandbox"; expected {
				assert.Equal(t, true, marked)
			} else {
				assert.Nil(t, marked)
			}
		})
	}
}

func TestSandboxIsInMetricsAndHealth(t *testing.T) {
	requireSandbox := func(expected bool, when string) {
		t.Helper()
		value := 0.0
		if expected {
			value = 1
		}
		assert.Equal(t, value, metricsOf(t, prom.Collectors()...)["caddy_payermax_sandbox"], when)
		_, answer := probe(t, "/readyz", false)
		assert.Equal(t, expected, answer.Sandbox, when)
	}
	requireSandbox(false, "with nothing")

	h := &Handler{Sandbox: true}
	require.NoError(t, testcaddy.Provision(t, h))
	requireSandbox(true, "inside a sidecar, before the first call")
	require.NoError(t, h.Cleanup())
	requireSandbox(false, "when its config is gone")

	site := newSandbox(t)
	requireSandbox(true, "as a site")
	require.NoError(t, site.Cleanup())
	requireSandbox(false, "when the site is gone")

	sidecar := newHandler(t)
	requireSandbox(false, "before the gateway is known to be one")
	serve(t, sidecar, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error { return site.ServeHTTP(w, r, nil) })
	requireSandbox(true, "once one has answered from elsewhere")
	require.NoError(t, sidecar.Cleanup())
	requireSandbox(false, "when that sidecar is gone")
}

// A sandbox elsewhere causes one warning, not one for each call.
func TestSandboxElsewhereWarnsOnce(t *testing.T) {
	site := newSandbox(t)
	h := newHandler(t)
	logs := logged(h)
	for range 3 {
		serve(t, h, post(sessionBody), func(w http.ResponseWriter, r *http.Request) error { return site.ServeHTTP(w, r, nil) })
	}
	assert.Equal(t, 1, logs.FilterMessage("the gateway calls itself a sandbox, so no call reaches PayerMax").Len())
}
