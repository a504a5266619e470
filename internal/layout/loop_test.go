package layout

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A handler whose upstream is its own server's address passes everything on to itself,
// however the address is spelled.
func TestLeadsBack(t *testing.T) {
	for name, test := range map[string]struct {
		listen, dial string
		back         bool
	}{
		"another port":                      {":8080", "localhost:8081", false},
		"PayerMax":                          {":443", "pay-gate.payermax.com:443", false},
		"all addresses, by name":            {":8080", "localhost:8080", true},
		"all addresses, by IPv4":            {":8080", "127.0.0.1:8080", true},
		"all addresses, by another of IPv4": {"0.0.0.0:8080", "127.0.0.2:8080", true},
		"all addresses, by IPv6":            {"[::]:8080", "[::1]:8080", true},
		"all addresses, by a mapped one":    {":8080", "[::ffff:127.0.0.1]:8080", true},
		"all addresses, by none":            {":8080", ":8080", true},
		"all addresses, by a name outside":  {":8080", "sidecar.example:8080", false}, // it is unknown whose name it is
		"loopback, by name":                 {"127.0.0.1:8080", "LOCALHOST:8080", true},
		"loopback, by address":              {"127.0.0.1:8080", "127.0.0.1:8080", true},
		"loopback, another address":         {"127.0.0.1:8080", "127.0.0.2:8080", false},
		"loopback, the other family":        {"127.0.0.1:8080", "[::1]:8080", false},
		"the name, by address":              {"localhost:8080", "[::1]:8080", true},
		"an address, by itself":             {"192.0.2.1:8080", "192.0.2.1:8080", true},
		"an address, by loopback":           {"192.0.2.1:8080", "127.0.0.1:8080", false},
		"a range":                           {":8080-8090", "localhost:8085", true},
		"another range":                     {":8080-8090", "localhost:8091", false},
		"by the listener of handover":       {"handover/127.0.0.1:8080", "127.0.0.1:8080", true},
		"a socket":                          {"unix//run/a.sock|0220", "unix//run/a.sock", true},
		"another socket":                    {"unix//run/a.sock", "unix//run/b.sock", false},
		"a socket of that name":             {"unix//8080", ":8080", false},
		"a placeholder":                     {":8080", "{http.request.host}:8080", false},
		"what is no address":                {":8080", "localhost:http:80", false},
	} {
		proxy, err := json.Marshal(map[string]any{"handler": "reverse_proxy", "upstreams": []any{map[string]any{"dial": "192.0.2.9:1"}, map[string]any{"dial": test.dial}}})
		require.NoError(t, err)
		handlers := read(t, `"listen":["`+test.listen+`"],"routes":[{"handle":[{"handler":"payermax"},`+string(proxy)+`]}]`).Handlers
		require.Len(t, handlers, 1, name)
		assert.Equal(t, test.back, handlers[0].LeadsBack() != "", name)
	}
}

// The same address may belong to another site.
func TestLeadsBackBySite(t *testing.T) {
	const sign = `{"handler":"payermax"},{"handler":"reverse_proxy","upstreams":[{"dial":"sandbox.localhost:80"},{"dial":"127.0.0.1:80"}]}`
	for name, test := range map[string]struct {
		routes string
		back   bool
	}{
		"no hosts":                     {`{"handle":[` + sign + `]}`, true},
		"for the API's paths":          {`{"match":[{"path":["/aggregate-pay/*"],"method":["POST"]}],"handle":[` + sign + `]}`, true},
		"in a subroute":                {`{"handle":[{"handler":"subroute","routes":[{"handle":[` + sign + `]}]}]}`, true},
		"its own host":                 {`{"match":[{"host":["127.0.0.1"]}],"handle":[` + sign + `]}`, true},
		"another host":                 {`{"match":[{"host":["a.localhost"]}],"handle":[` + sign + `]}`, false},
		"a host of another site":       {`{"match":[{"host":["127.0.0.1"]}],"handle":[{"handler":"payermax_sandbox"}]},{"handle":[` + sign + `]}`, false},
		"a host that may be":           {`{"match":[{"host":["*.0.0.1"]}],"handle":[{"handler":"payermax_sandbox"}]},{"handle":[` + sign + `]}`, false},
		"other hosts of another site":  {`{"match":[{"host":["b.example"]}],"handle":[{"handler":"payermax_sandbox"}]},{"handle":[` + sign + `]}`, true},
		"for a header":                 {`{"match":[{"header":{"X-App":["1"]}}],"handle":[` + sign + `]}`, false},
		"behind what answers":          {`{"handle":[{"handler":"static_response"},` + sign + `]}`, false},
		"behind what changes the path": {`{"handle":[{"handler":"rewrite","strip_path_prefix":"/pay"},` + sign + `]}`, false},
		"for errors":                   {`{"handle":[{"handler":"error"}]}],"errors":{"routes":[{"handle":[` + sign + `]}]},"x":[{}`, false},
	} {
		handlers := read(t, `"listen":["127.0.0.1:80"],"routes":[`+test.routes+`]`).Handlers
		found := handlers[len(handlers)-1]
		require.Equal(t, Sign, found.Module, name)
		assert.Equal(t, test.back, found.LeadsBack() != "", name)
	}
}
