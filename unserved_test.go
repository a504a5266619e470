package payermax

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Requests that the matcher of payermax leaves out get a 404 rather than Caddy's empty
// 200, unless another handler of the site answers. Which of two directives gets a call
// depends on their paths, as with all of Caddy's directives.
func TestUnmatchedRequestsGet404(t *testing.T) {
	const refund, query = protocol.PathPrefix + "refund", protocol.PathPrefix + "orderQuery"
	options := " {\ngateway https://one.example\nendpoints orderQuery refund\napp_id app\nprivate_key " + writePrivateKey(t, merchantKey()) + "\n}\n"
	const nobody, signed = http.StatusNotFound, http.StatusUnsupportedMediaType // the latter because the request has no Content-Type
	for name, test := range map[string]struct {
		site string
		want map[string]int // what a POST gets, by its path
	}{
		"one endpoint":          {"payermax " + query + options, map[string]int{query: signed, refund: nobody, "/": nobody}},
		"by a header":           {"@p header X-Pay yes\npayermax @p" + options, map[string]int{query: nobody, refund: nobody, "/": nobody}},
		"a fixed answer":        {"respond /ok 202\npayermax " + query + options, map[string]int{query: signed, refund: nobody, "/ok": 202}},
		"a handler behind":      {"route {\npayermax " + query + options + "respond 202\n}\n", map[string]int{query: signed, refund: 202, "/": 202}},
		"files":                 {"payermax " + query + options + "file_server {\nroot nowhere\npass_thru\n}\n", map[string]int{query: signed, refund: nobody}},
		"two":                   {"payermax " + query + options + "payermax " + refund + options, map[string]int{query: signed, refund: signed, "/": nobody}},
		"one for the rest":      {"payermax" + options + "payermax " + refund + options, map[string]int{query: signed, refund: signed, "/": nobody}},
		"in a handle":           {"handle /aggregate-pay/* {\npayermax " + query + options + "}\nhandle {\nrespond 202\n}\n", map[string]int{query: signed, refund: nobody, "/": 202}},
		"a named route":         {"invoke calls\n", map[string]int{query: signed, refund: nobody}},
		"an answer to an error": {"payermax " + query + options + "handle_errors {\nrespond 202\n}\n", map[string]int{refund: nobody}},
	} {
		t.Run(name, func(t *testing.T) {
			serve := served(t, "{\nadmin off\n}\n&(calls) {\npayermax "+query+options+"}\n:8080 {\nbind 127.0.0.1\n"+test.site+"}\n")
			for path, want := range test.want {
				w := httptest.NewRecorder()
				serve.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
				assert.Equal(t, want, w.Code, path)
				if want == nobody {
					assert.Equal(t, "NOT_FOUND", refusalOf(t, w).Code, path)
				}
			}
		})
	}
}

// served returns the server of a Caddyfile as a handler, without a listener.
func served(t *testing.T, caddyfile string) http.Handler {
	t.Helper()
	config, err := json.Marshal(testcaddy.Adapted(t, caddyfile)["apps"].(map[string]any)["http"])
	require.NoError(t, err)
	app, err := testcaddy.Context(t).LoadModuleByID("http", config)
	require.NoError(t, err)
	return app.(*caddyhttp.App).Servers["srv0"]
}
