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
