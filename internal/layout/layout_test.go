package layout

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// read reads a config of one server with these members.
func read(t *testing.T, members string) *Layout {
	t.Helper()
	var server map[string]any
	require.NoError(t, json.Unmarshal([]byte("{"+members+"}"), &server))
	return Read(map[string]any{"s": server})
}

// Whatever a server's JSON looks like, reading it comes to an end.
func TestReadEnds(t *testing.T) {
	for _, members := range []string{
		``,
		`"routes":null`,
		`"routes":[null,1,[],{"handle":[null,"x",{}]}],"errors":[],"named_routes":1`,
		`"routes":[{"handle":[{"handler":"invoke","name":"a"}]}],"named_routes":{"a":{"handle":[{"handler":"invoke","name":"b"}]},"b":{"handle":[{"handler":"invoke","name":"a"},{"handler":"payermax"}]}}`,
		`"routes":[{"handle":[{"handler":"invoke","name":"nowhere"}]}]`,
	} {
		assert.NotPanics(t, func() { read(t, members) }, members)
	}
}

// A named route belongs to each place that invokes it.
func TestNamedRoutes(t *testing.T) {
	const named = `,"named_routes":{"sign":{"handle":[{"handler":"payermax"}]}}`
	for name, test := range map[string]struct {
		routes   string
		deadEnds []bool
	}{
		"nowhere":         {`"routes":[]`, []bool{false}},
		"once":            {`"routes":[{"handle":[{"handler":"invoke","name":"sign"}]}]`, []bool{true}},
		"once, proxied":   {`"routes":[{"handle":[{"handler":"invoke","name":"sign"},{"handler":"reverse_proxy"}]}]`, []bool{false}},
		"in two places":   {`"routes":[{"terminal":true,"handle":[{"handler":"invoke","name":"sign"}]},{"handle":[{"handler":"invoke","name":"sign"},{"handler":"reverse_proxy"}]}]`, []bool{true, false}},
		"through another": {`"routes":[{"handle":[{"handler":"intercept","handle_response":[{"routes":[{"handle":[{"handler":"invoke","name":"sign"}]}]}]}]}]`, []bool{false}},
	} {
		t.Run(name, func(t *testing.T) {
			var deadEnds []bool
			for _, h := range read(t, test.routes+named).Handlers {
				deadEnds = append(deadEnds, h.IsDeadEnd())
			}
			assert.Equal(t, test.deadEnds, deadEnds)
		})
	}
}

// Of a group, only one route is used: what stands in another does not come next.
func TestGroups(t *testing.T) {
	const route = `{"group":"g","match":[{"path":["/a*"]}],"handle":[{"handler":"payermax"}]}`
	assert.True(t, read(t, `"routes":[`+route+`,{"group":"g","handle":[{"handler":"reverse_proxy"}]}]`).Handlers[0].IsDeadEnd())
	assert.False(t, read(t, `"routes":[`+route+`,{"group":"h","handle":[{"handler":"reverse_proxy"}]}]`).Handlers[0].IsDeadEnd())
}

// Caddy loads each of these, and in those that are found no call is signed.
func TestMisplacements(t *testing.T) {
	const sign = `{"handler":"payermax"},{"handler":"reverse_proxy"}`
	for name, test := range map[string]struct {
		routes string
		says   []string
	}{
		"good":                        {`{"handle":[` + sign + `]}`, nil},
		"respond in front":            {`{"handle":[{"handler":"static_response"},` + sign + `]}`, []string{"the handler static_response comes first"}},
		"in a route before":           {`{"handle":[{"handler":"file_server"}]},{"handle":[` + sign + `]}`, []string{"the handler file_server comes first"}},
		"in a subroute before":        {`{"handle":[{"handler":"subroute","routes":[{"handle":[{"handler":"error"}]}]},` + sign + `]}`, []string{"the handler error"}},
		"outside of the subroute":     {`{"handle":[{"handler":"static_response"},{"handler":"subroute","routes":[{"handle":[` + sign + `]}]}]}`, []string{"static_response"}},
		"with a path of its own":      {`{"match":[{"path":["/hello"]}],"handle":[{"handler":"static_response"}]},{"handle":[` + sign + `]}`, nil},
		"files that pass on":          {`{"handle":[{"handler":"file_server","pass_thru":true},` + sign + `]}`, nil},
		"headers in front":            {`{"handle":[{"handler":"headers"},` + sign + `]}`, nil},
		"behind":                      {`{"handle":[` + sign + `,{"handler":"static_response"}]}`, nil},
		"for a host":                  {`{"match":[{"host":["localhost"]}],"handle":[` + sign + `]}`, []string{"the site is for localhost alone"}},
		"for a host, and one for all": {`{"match":[{"host":["localhost"]}],"handle":[` + sign + `]},{"handle":[{"handler":"static_response"}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			handlers := read(t, `"routes":[`+test.routes+`]`).Handlers
			require.Len(t, handlers, 1)
			found := handlers[0].Misplacements()
			require.Len(t, found, len(test.says))
			for i, says := range test.says {
				assert.Regexp(t, says, found[i].Message)
			}
		})
	}
}

func TestBecomesHTTPS(t *testing.T) {
	const routes = `"routes":[{"match":[{"host":["localhost"]}],"handle":[{"handler":"payermax"}]}]`
	for members, want := range map[string]bool{
		routes: true,
		routes + `,"automatic_https":{"skip":["localhost"]}`:     false,
		routes + `,"automatic_https":{"disable":true}`:           false,
		routes + `,"tls_connection_policies":[{}]`:               false,
		`"routes":[{"handle":[{"handler":"payermax"}]}]`:         false,
		routes + `,"automatic_https":{"disable_redirects":true}`: true,
	} {
		assert.Equal(t, want, read(t, members).Handlers[0].BecomesHTTPS(), members)
	}
}
