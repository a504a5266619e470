package layout

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// read reads the layout of one server with these members.
func read(t *testing.T, members string) *Layout {
	t.Helper()
	var server map[string]any
	require.NoError(t, json.Unmarshal([]byte("{"+members+"}"), &server))
	return Read(map[string]any{"s": server})
}

// Reading ends, whatever a server's JSON looks like.
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

// Handlers in handle_errors see only requests that have failed.
func TestForErrors(t *testing.T) {
	const sign, pay = `{"handle":[{"handler":"payermax"},{"handler":"reverse_proxy"}]}`, "/aggregate-pay/api/gateway/refund"
	for name, test := range map[string]struct {
		members string
		found   bool
	}{
		"of the server":            {`"errors":{"routes":[` + sign + `]}`, true},
		"of a site":                {`"routes":[{"match":[{"host":["a.example"]}],"handle":[{"handler":"file_server"}]}],"errors":{"routes":[{"match":[{"host":["a.example"]}],"handle":[{"handler":"subroute","routes":[` + sign + `]}]}]}`, true},
		"of a subroute":            {`"routes":[{"handle":[{"handler":"subroute","routes":[],"errors":{"routes":[` + sign + `]}}]}]`, true},
		"a named route from there": {`"errors":{"routes":[{"handle":[{"handler":"invoke","name":"sign"}]}]},"named_routes":{"sign":` + sign + `}`, true},
		"beside them":              {`"routes":[` + sign + `],"errors":{"routes":[{"handle":[{"handler":"static_response"}]}]}`, false},
		"beside those of a route":  {`"routes":[{"handle":[{"handler":"subroute","routes":[` + sign + `],"errors":{"routes":[{"handle":[{"handler":"static_response"}]}]}}]}]`, false},
	} {
		handlers := read(t, test.members).Handlers
		require.Len(t, handlers, 1, name)
		assert.Equal(t, test.found, handlers[0].IsForErrors(), name)
		says := ""
		for _, m := range handlers[0].Misplacements([]string{pay}) {
			says += m.Message
		}
		assert.Equal(t, test.found, strings.Contains(says, "handle_errors"), "%s: %s", name, says)
	}
}

// Only one route of a group is used: handlers in another route of the group do not come next.
func TestGroups(t *testing.T) {
	const route = `{"group":"g","match":[{"path":["/a*"]}],"handle":[{"handler":"payermax"}]}`
	assert.True(t, read(t, `"routes":[`+route+`,{"group":"g","handle":[{"handler":"reverse_proxy"}]}]`).Handlers[0].IsDeadEnd())
	assert.False(t, read(t, `"routes":[`+route+`,{"group":"h","handle":[{"handler":"reverse_proxy"}]}]`).Handlers[0].IsDeadEnd())
}

// Caddy loads each of these configs. In those with findings, no call is signed.
func TestMisplacements(t *testing.T) {
	const sign = `{"handler":"payermax"},{"handler":"reverse_proxy"}`
	for name, test := range map[string]struct {
		routes string
		says   []string
	}{
		"good":                        {`{"handle":[` + sign + `]}`, nil},
		"respond in front":            {`{"handle":[{"handler":"static_response"},` + sign + `]}`, []string{"the handler respond .in JSON, static_response. comes first"}},
		"abort in front":              {`{"handle":[{"handler":"static_response","abort":true},` + sign + `]}`, []string{"the handler abort .in JSON, static_response. comes first"}},
		"in a route before":           {`{"handle":[{"handler":"file_server"}]},{"handle":[` + sign + `]}`, []string{"the handler file_server comes first"}},
		"in a subroute before":        {`{"handle":[{"handler":"subroute","routes":[{"handle":[{"handler":"error"}]}]},` + sign + `]}`, []string{"the handler error"}},
		"outside of the subroute":     {`{"handle":[{"handler":"static_response"},{"handler":"subroute","routes":[{"handle":[` + sign + `]}]}]}`, []string{"static_response"}},
		"with a path of its own":      {`{"match":[{"path":["/hello"]}],"handle":[{"handler":"static_response"}]},{"handle":[` + sign + `]}`, nil},
		"another one in front":        {`{"handle":[{"handler":"subroute","routes":[{"handle":[` + sign + `]}]}]},{"handle":[` + sign + `]}`, []string{"another payermax comes first"}},
		"another one for some":        {`{"match":[{"header":{"X-A":["b"]}}],"handle":[` + sign + `]},{"handle":[` + sign + `]}`, nil},
		"another one for one path":    {`{"match":[{"path":["*/refund"]}],"handle":[` + sign + `]},{"handle":[` + sign + `]}`, nil},
		"files that pass on":          {`{"handle":[{"handler":"file_server","pass_thru":true},` + sign + `]}`, nil},
		"headers in front":            {`{"handle":[{"handler":"headers"},` + sign + `]}`, nil},
		"behind":                      {`{"handle":[` + sign + `,{"handler":"static_response"}]}`, nil},
		"for the API's paths":         {`{"match":[{"path":["/aggregate-pay/*"]}],"handle":[` + sign + `]}`, nil},
		"for one endpoint":            {`{"match":[{"path":["/Aggregate-Pay/api/gateway/orderQuery"]}],"handle":[` + sign + `]}`, nil},
		"for another endpoint":        {`{"match":[{"path":["/aggregate-pay/api/gateway/capture"]}],"handle":[` + sign + `]}`, []string{"let no call through.*gateway/capture"}},
		"for other paths":             {`{"match":[{"path":["/api/*","/pay"]}],"handle":[{"handler":"subroute","routes":[{"handle":[` + sign + `]}]}]}`, []string{"/api/\\* and /pay"}},
		"for two sets of paths":       {`{"match":[{"path":["/pay"]},{"method":["POST"]}],"handle":[` + sign + `]}`, nil},
		"for nested paths":            {`{"match":[{"path":["/aggregate-pay/*"]}],"handle":[{"handler":"subroute","routes":[{"match":[{"path":["/api/*"]}],"handle":[` + sign + `]}]}]}`, []string{"let no call through"}},
		"for ends of paths":           {`{"match":[{"path":["*/refund"]}],"handle":[` + sign + `]}`, nil},
		"for a pattern":               {`{"match":[{"path":["/*/api/gateway/x"]}],"handle":[` + sign + `]}`, nil},
		"another path, always":        {`{"handle":[{"handler":"rewrite","uri":"/pay"},` + sign + `]}`, []string{"changes the path to /pay"}},
		"another path, in a group":    {`{"group":"g","handle":[{"handler":"rewrite","uri":"/pay"}]},{"handle":[` + sign + `]}`, []string{"changes the path to /pay"}},
		"another path, sometimes":     {`{"match":[{"path":["/x"]}],"handle":[{"handler":"rewrite","uri":"/pay"}]},{"handle":[` + sign + `]}`, nil},
		"the right path":              {`{"match":[{"path":["/pay"]}],"handle":[{"handler":"rewrite","uri":"/aggregate-pay/api/gateway/refund"},` + sign + `]}`, nil},
		"another path, a placeholder": {`{"group":"g","handle":[{"handler":"rewrite","uri":"/x{http.request.uri}"}]},{"handle":[` + sign + `]}`, []string{"changes the path to /x.http.request.uri."}},
		"another path for all":        {`{"group":"g","match":[{"path":["/aggregate-pay/*"]}],"handle":[{"handler":"rewrite","uri":"/x{http.request.uri}"}]},{"handle":[` + sign + `]}`, []string{"changes the path to /x"}},
		"another path for one":        {`{"match":[{"path":["*/refund"]}],"handle":[{"handler":"rewrite","uri":"/x{http.request.uri}"}]},{"handle":[` + sign + `]}`, nil},
		"another path for some":       {`{"match":[{"path":["/aggregate-pay/*"],"header":{"X-A":["b"]}}],"handle":[{"handler":"rewrite","uri":"/x"}]},{"handle":[` + sign + `]}`, nil},
		"another path for some, deep": {`{"match":[{"path":["/x"]}],"handle":[{"handler":"subroute","routes":[{"match":[{"path":["/aggregate-pay/*"]}],"handle":[{"handler":"rewrite","uri":"/x"}]}]}]},{"handle":[` + sign + `]}`, nil},
		"the right path, a query":     {`{"handle":[{"handler":"rewrite","uri":"/aggregate-pay/api/gateway/refund?{http.request.uri.query}"},` + sign + `]}`, []string{"changes the path .*/orderQuery to .*/refund, so the sidecar signs and sends another call"}},
		"another call":                {`{"match":[{"path":["/aggregate-pay/api/gateway/orderQuery"]}],"handle":[{"handler":"rewrite","uri":"/aggregate-pay/api/gateway/refund"}]},{"handle":[` + sign + `]}`, []string{"/orderQuery to .*/refund, so"}},
		"another call, a part":        {`{"handle":[{"handler":"rewrite","uri_substring":[{"find":"orderQuery","replace":"refund"}]},` + sign + `]}`, []string{"/orderQuery to .*/refund, so"}},
		"another call, an expression": {`{"handle":[{"handler":"rewrite","path_regexp":[{"find":"order.*$","replace":"refund"}]},` + sign + `]}`, []string{"/orderQuery to .*/refund, so"}},
		"another call, sometimes":     {`{"match":[{"path":["*/orderQuery"],"header":{"X-A":["b"]}}],"handle":[{"handler":"rewrite","uri":"/aggregate-pay/api/gateway/refund"}]},{"handle":[` + sign + `]}`, nil},
		"another call, and back":      {`{"handle":[{"handler":"rewrite","uri_substring":[{"find":"orderQuery","replace":"refund"}]},{"handler":"rewrite","uri_substring":[{"find":"refund","replace":"orderQuery"}]},` + sign + `]}`, []string{"/refund to .*/orderQuery, so"}},
		"another path, a query":       {`{"handle":[{"handler":"rewrite","uri":"/aggregate-pay?{http.request.uri.query}"},` + sign + `]}`, []string{"changes the path to /aggregate-pay"}},
		"a prefix less, for all":      {`{"match":[{"path":["/aggregate-pay/*"]}],"handle":[{"handler":"rewrite","strip_path_prefix":"/aggregate-pay"}]},{"handle":[` + sign + `]}`, []string{"by removing /aggregate-pay"}},
		"a suffix less":               {`{"handle":[{"handler":"rewrite","strip_path_suffix":"refund"},` + sign + `]}`, nil},
		"a suffix less, of both":      {`{"handle":[{"handler":"rewrite","strip_path_suffix":"refund"},{"handler":"rewrite","uri_substring":[{"find":"gateway","replace":"x"}]},` + sign + `]}`, []string{"replacing gateway"}},
		"a part replaced":             {`{"handle":[{"handler":"rewrite","path_regexp":[{"find":"^/aggregate-pay","replace":"/pay"}]},` + sign + `]}`, []string{"replacing ./aggregate-pay"}},
		"a part replaced, elsewhere":  {`{"handle":[{"handler":"rewrite","path_regexp":[{"find":"^/pay","replace":"/aggregate-pay"}]},` + sign + `]}`, nil},
		"an error for all":            {`{"match":[{"path":["/aggregate-pay/*"]}],"handle":[{"handler":"error","status_code":503}]},{"handle":[` + sign + `]}`, []string{"the handler error comes first"}},
		"an error for one":            {`{"match":[{"path":["*/refund"]}],"handle":[{"handler":"error"}]},{"handle":[` + sign + `]}`, nil},
		"an error for some":           {`{"match":[{"path":["/aggregate-pay/*"],"header":{"X-A":["b"]}}],"handle":[{"handler":"error"}]},{"handle":[` + sign + `]}`, nil},
		"an answer for all":           {`{"match":[{"path":["/aggregate-pay/*"]}],"handle":[{"handler":"static_response","status_code":302,"headers":{"Location":["/x"]}}]},{"handle":[` + sign + `]}`, []string{"the handler redir .in JSON, static_response. comes first"}},
		"a path that depends":         {`{"handle":[{"handler":"rewrite","uri":"/aggregate-pay{http.request.uri}"},` + sign + `]}`, nil},
		"another method":              {`{"handle":[{"handler":"rewrite","method":"GET"},` + sign + `]}`, []string{"changes the method to GET"}},
		"the right method":            {`{"handle":[{"handler":"rewrite","method":"POST"},` + sign + `]}`, nil},
		"handle_path, too much":       {`{"match":[{"path":["/aggregate-pay/*"]}],"handle":[{"handler":"subroute","routes":[{"handle":[{"handler":"rewrite","strip_path_prefix":"/aggregate-pay"}]},{"handle":[` + sign + `]}]}]}`, []string{"by removing /aggregate-pay"}},
		"handle_path":                 {`{"match":[{"path":["/pay/*"]}],"handle":[{"handler":"subroute","routes":[{"handle":[{"handler":"rewrite","strip_path_prefix":"/pay"}]},{"handle":[` + sign + `]}]}]}`, nil},
		"a query alone":               {`{"handle":[{"handler":"rewrite","uri":"?a=b"},` + sign + `]}`, nil},
		"for a host":                  {`{"match":[{"host":["localhost"]}],"handle":[` + sign + `]}`, []string{"the site serves only localhost"}},
		"for a host, and one for all": {`{"match":[{"host":["localhost"]}],"handle":[` + sign + `]},{"handle":[{"handler":"static_response"}]}`, []string{"serves only localhost.*gets the answer of the site for all hosts"}},
		"for a host, others refused":  {`{"match":[{"host":["localhost"]}],"handle":[` + sign + `]},{"handle":[{"handler":"static_response","status_code":404}]}`, nil},
		"for a host, others hung up":  {`{"match":[{"host":["localhost"]}],"handle":[` + sign + `]},{"handle":[{"handler":"static_response","abort":true}]}`, nil},
		"for GET":                     {`{"match":[{"method":["GET"]}],"handle":[` + sign + `]}`, []string{"let no POST through"}},
		"for GET, around it":          {`{"match":[{"method":["GET","PUT"]}],"handle":[{"handler":"subroute","routes":[{"handle":[` + sign + `]}]}]}`, []string{"let no POST through"}},
		"for all but PayerMax's":      {`{"match":[{"not":[{"path":["/aggregate-pay/*"]}]}],"handle":[` + sign + `]}`, []string{"let no call through.*the handler is for all but /aggregate-pay/"}},
		"for all but some paths":      {`{"match":[{"not":[{"path":["/healthz"]}]}],"handle":[` + sign + `]}`, nil},
		"for all but some callers":    {`{"match":[{"not":[{"path":["/aggregate-pay/*"],"header":{"X-A":["b"]}}]}],"handle":[` + sign + `]}`, nil},
		"for all but a placeholder":   {`{"match":[{"not":[{"path":["{vars.path}*"]}]}],"handle":[` + sign + `]}`, nil},
		"for an expression":           {`{"match":[{"path_regexp":{"pattern":"^/api/"}}],"handle":[` + sign + `]}`, []string{"let no call through.*the expression ..api/"}},
		"for an expression that fits": {`{"match":[{"path_regexp":{"name":"m","pattern":"/gateway/"}}],"handle":[` + sign + `]}`, nil},
		"for an expression, unknown":  {`{"match":[{"path_regexp":{"pattern":"^{vars.path}"}}],"handle":[` + sign + `]}`, nil},
		"for an expression, no RE2":   {`{"match":[{"path_regexp":{"pattern":"(?!x)"}}],"handle":[` + sign + `]}`, nil},
		"for all but POST":            {`{"match":[{"not":[{"method":["post"]}]}],"handle":[` + sign + `]}`, []string{"let no POST through"}},
		"for all but some POST":       {`{"match":[{"not":[{"method":["POST"],"path":["/x"]}]}],"handle":[` + sign + `]}`, nil},
		"for GET or a path":           {`{"match":[{"method":["GET"]},{"path":["/aggregate-pay/*"]}],"handle":[` + sign + `]}`, nil},
		"for post":                    {`{"match":[{"method":["post"]}],"handle":[` + sign + `]}`, nil},
		"for GET, made of POST":       {`{"handle":[{"handler":"rewrite","method":"{http.request.header.m}"},{"handler":"subroute","routes":[{"match":[{"method":["GET"]}],"handle":[` + sign + `]}]}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			handlers := read(t, `"routes":[`+test.routes+`]`).Handlers
			require.NotEmpty(t, handlers)
			found := handlers[len(handlers)-1].Misplacements([]string{"/aggregate-pay/api/gateway/refund", "/aggregate-pay/api/gateway/orderQuery"})
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
		routes + `,"automatic_https":{"skip":["localhost"]}`:            false,
		routes + `,"automatic_https":{"disable":true}`:                  false,
		routes + `,"tls_connection_policies":[{}]`:                      false,
		`"routes":[{"handle":[{"handler":"payermax"}]}]`:                false,
		routes + `,"automatic_https":{"disable_redirects":true}`:        true,
		`"routes":[{"handle":[{"handler":"subroute",` + routes + `}]}]`: false,
	} {
		assert.Equal(t, want, read(t, members).Handlers[0].BecomesHTTPS(), members)
	}
}

// A call under another name gets an empty 200 only if it can reach the site at all: not over TLS,
// where the certificate lacks that name, nor if the site has every name that leads to it.
func TestOtherNames(t *testing.T) {
	const route = `,"routes":[{"match":[{"host":["localhost","127.0.0.1"]}],"handle":[{"handler":"payermax"},{"handler":"reverse_proxy"}]}`
	for members, says := range map[string]string{
		`"listen":[":8080"]` + route + `]`:                                                                    "gets Caddy's empty 200",
		`"listen":["127.0.0.1:8080","[::1]:8080"]` + route + `]`:                                              "gets Caddy's empty 200",
		`"listen":["unix//run/x.sock"]` + route + `]`:                                                         "gets Caddy's empty 200",
		`"listen":[":8080"],"routes":[{"handle":[{"handler":"subroute"` + route + `]}]}]`:                     "gets Caddy's empty 200",
		`"listen":["127.0.0.1:8080"]` + route + `]`:                                                           "",
		`"listen":[":8080"],"tls_connection_policies":[{}]` + route + `]`:                                     "",
		`"listen":[":8080"]` + route + `,{"handle":[{"handler":"metrics"}]}]`:                                 "gets the answer of the site for all hosts",
		`"listen":[":8080"]` + route + `,{"match":[{"path":["/metrics"]}],"handle":[{"handler":"metrics"}]}]`: "gets Caddy's empty 200",
	} {
		found := read(t, members).Handlers[0].Misplacements([]string{"/aggregate-pay/api/gateway/refund"})
		if says == "" {
			assert.Empty(t, found, members)
			continue
		}
		require.Len(t, found, 1, members)
		assert.Contains(t, found[0].Message, says)
	}
}

// A client certificate is asked for certainly if each policy by which a client can reach the site
// requires one.
func TestAsksForCertificate(t *testing.T) {
	const (
		route    = `,"routes":[{"match":[{"host":["pay.example"]}],"handle":[{"handler":"payermax"}]}]`
		anyHost  = `,"routes":[{"handle":[{"handler":"payermax"}]}]`
		required = `"client_authentication":{"mode":"require_and_verify","ca":{"provider":"file"}}`
		byCA     = `"client_authentication":{"ca":{"provider":"file"}}`
		asked    = `"client_authentication":{"mode":"verify_if_given","ca":{"provider":"file"}}`
		own      = `"match":{"sni":["pay.example"]}`
	)
	for members, want := range map[string]bool{
		`"tls_connection_policies":[{` + required + `}]` + anyHost:                                      true,
		`"tls_connection_policies":[{` + byCA + `}]` + anyHost:                                          true,
		`"tls_connection_policies":[{` + asked + `}]` + anyHost:                                         false,
		`"tls_connection_policies":[{}]` + anyHost:                                                      false,
		`"listen":[":8080"]` + anyHost:                                                                  false,
		`"listen":[":8080"]` + route:                                                                    false,
		`"tls_connection_policies":[{` + own + `,` + required + `},{}]` + route:                         true,
		`"tls_connection_policies":[{` + own + `,` + required + `},{}]` + anyHost:                       false,
		`"strict_sni_host":false,"tls_connection_policies":[{` + own + `,` + required + `},{}]` + route: false,
		`"tls_connection_policies":[{"match":{"sni":["other.example"]},` + required + `},{}]` + route:   false,
		`"tls_connection_policies":[{"match":{"sni":["*.example"]}},{` + required + `}]` + route:        false,
		`"tls_connection_policies":[{"match":{"remote_ip":{}}},{` + own + `,` + required + `}]` + route: false,
		`"tls_connection_policies":[{"match":{"sni":["a.example"]}},{` + required + `}]` + route:        true,
	} {
		assert.Equal(t, want, read(t, members).Handlers[0].AsksForCertificate(), members)
	}
}
