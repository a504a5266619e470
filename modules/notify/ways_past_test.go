package notify

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
)

// Each way past the handler is reported, with what to do about it. A correct config reports
// none.
func TestWaysPast(t *testing.T) {
	const (
		verifies = `{"handler":"payermax_notify"}`
		guards   = `{"handler":"payermax_notify_guard"}`
		app      = `{"handler":"reverse_proxy","upstreams":[{"dial":"127.0.0.1:3000"}]}`
		answers  = `{"handler":"static_response"}`
		signs    = `{"handler":"payermax"}`
	)
	only := func(match string, handlers ...string) string {
		return `{"match":[{` + match + `}],"handle":[` + strings.Join(handlers, ",") + `]}`
	}
	all := func(handlers ...string) string { return `{"handle":[` + strings.Join(handlers, ",") + `]}` }
	const callback, host = `"path":["/callback*"]`, `"host":["a.example"]`
	for name, test := range map[string]struct {
		routes, errors []string
		want           []string
	}{
		"none":                       {[]string{all(guards), only(callback, verifies), all(app)}, nil, nil},
		"a password first":           {[]string{all(guards, `{"handler":"authentication"}`), only(callback, verifies), all(app)}, nil, []string{"PayerMax sends no user name and password"}},
		"a password elsewhere":       {[]string{all(guards), only(`"not":[{`+callback+`}]`, `{"handler":"authentication"}`), only(callback, verifies), all(app)}, nil, nil},
		"none, for each path":        {[]string{all(guards, verifies, app)}, nil, nil},
		"no guard":                   {[]string{only(callback, verifies), all(app)}, nil, []string{"does not see every request of its site first"}},
		"another site":               {[]string{only(host, guards, verifies, app), only(`"host":["b.example"]`, app)}, nil, []string{"another site proxies to the application"}},
		"for errors":                 {[]string{all(guards)}, []string{all(verifies, app)}, []string{"is in handle_errors"}},
		"an answer before":           {[]string{all(guards, answers, verifies, app)}, nil, []string{"the handler respond (in JSON, static_response) answers every request before"}},
		"calls behind it":            {[]string{all(guards, verifies, signs, app)}, nil, []string{"payermax answers each request that payermax_notify passes on"}},
		"an answer behind it":        {[]string{all(guards, verifies, answers, app)}, nil, []string{"respond (in JSON, static_response) answers notifications for all paths before the reverse_proxy"}},
		"an answer for its path":     {[]string{all(guards), only(callback, verifies), only(callback, answers), all(app)}, nil, []string{"respond (in JSON, static_response) answers notifications for /callback* before the reverse_proxy"}},
		"an app for another path":    {[]string{all(guards), only(callback, verifies), only(`"path":["/shop*"]`, app)}, nil, []string{"no handler behind payermax_notify serves /callback*"}},
		"nothing behind it":          {[]string{all(guards), only(callback, verifies)}, nil, []string{"no handler follows payermax_notify"}},
		"an exact expression":        {[]string{all(guards), only(`"path_regexp":{"pattern":"^/callback$"}`, verifies), all(app)}, nil, []string{"payermax_notify matches exactly the path /callback: "}},
		"an open expression":         {[]string{all(guards), only(`"path_regexp":{"pattern":"^/callback"}`, verifies), all(app)}, nil, nil},
		"an exact path":              {[]string{all(guards), only(`"path":["/callback"]`, verifies), all(app)}, nil, []string{"payermax_notify matches exactly the path /callback: "}},
		"a choice of whoever sends":  {[]string{all(guards), only(callback+`,"method":["POST"],"header":{"X":["y"]}`, verifies), all(app)}, nil, []string{"is matched by header and method"}},
		"no guard, and nothing else": {[]string{all(verifies)}, nil, []string{"does not see every request", "no handler follows"}},
	} {
		t.Run(name, func(t *testing.T) {
			var server any
			require.NoError(t, json.Unmarshal([]byte(`{"routes":[`+strings.Join(test.routes, ",")+`],"errors":{"routes":[`+strings.Join(test.errors, ",")+`]}}`), &server))
			found := layout.Read(map[string]any{"": server})
			at := slices.IndexFunc(found.Handlers, func(h layout.Handler) bool { return h.Module == layout.Notify })
			require.GreaterOrEqual(t, at, 0)
			ways := WaysPast(found, found.Handlers[at])
			require.Len(t, ways, len(test.want), "%v", ways)
			for i, words := range test.want {
				assert.Contains(t, ways[i].Message, words)
				assert.NotEmpty(t, ways[i].Next)
			}
		})
	}
}

// Notifications cannot arrive where each connection needs a client certificate.
func TestNotificationsWithoutACertificate(t *testing.T) {
	const routes = `"routes":[{"handle":[{"handler":"payermax_notify_guard"},{"handler":"payermax_notify"},{"handler":"reverse_proxy"}]}]`
	for policy, warnings := range map[string]int{`{}`: 0, `{"client_authentication":{"mode":"request"}}`: 0, `{"client_authentication":{"mode":"require_and_verify"}}`: 1} {
		var server any
		require.NoError(t, json.Unmarshal([]byte(`{"tls_connection_policies":[`+policy+`],`+routes+`}`), &server))
		found := layout.Read(map[string]any{"": server})
		ways := WaysPast(found, found.Handlers[0])
		require.Len(t, ways, warnings, policy)
		for _, way := range ways {
			assert.Contains(t, way.Message, "only a proxy with a certificate can deliver notifications")
		}
	}
}
