package command

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// The gateways are the ones that the reverse proxy would call, and are reached as the
// proxy would reach them.
func TestGatewaysOfProxy(t *testing.T) {
	t.Setenv("PAYERMAX_HOST", "env.example:8443")
	transport := func(options string) string {
		return "https://one.example {\ntransport payermax {\n" + options + "\n}\n}"
	}
	for name, test := range map[string]struct {
		proxy   string
		outcome doctor.Outcome
		message string
		want    doctor.Gateway // without the fields that cannot be compared
		tls     bool
	}{
		"uat": {"https://pay-gate-uat.payermax.com {\ntransport payermax\n}", doctor.OK, "calls go to https://pay-gate-uat.payermax.com through transport payermax",
			doctor.Gateway{URL: "https://pay-gate-uat.payermax.com", Environment: "uat"}, true},
		"another port": {"https://one.example:8443 {\ntransport payermax\n}", doctor.OK, "https://one.example:8443",
			doctor.Gateway{URL: "https://one.example:8443"}, true},
		"this machine": {"http://localhost:9000 {\ntransport payermax\n}", doctor.OK, "http://localhost:9000", doctor.Gateway{URL: "http://localhost:9000"}, false},
		"IPv6":         {"http://[::1]:9000 {\ntransport payermax\n}", doctor.OK, "http://[::1]:9000", doctor.Gateway{URL: "http://[::1]:9000"}, false},
		"a port in the clear": {"one.example:8080 {\ntransport payermax {\ntls\ntls_except_ports 8080\n}\n}", doctor.OK, "http://one.example:8080",
			doctor.Gateway{URL: "http://one.example:8080"}, false},
		"a placeholder": {"{env.PAYERMAX_HOST} {\ntransport payermax {\ntls\n}\n}", doctor.OK, "https://env.example:8443", doctor.Gateway{URL: "https://env.example:8443"}, true},
		"own resolver":  {transport("resolvers 192.0.2.53"), doctor.OK, "https://one.example", doctor.Gateway{URL: "https://one.example", OwnResolver: true}, true},
		"a socket": {"unix//run/gateway.sock {\ntransport payermax\n}", doctor.OK, "unix//run/gateway.sock",
			doctor.Gateway{URL: "unix//run/gateway.sock", Unchecked: "this address cannot be checked: it is a socket, a range, or depends on the request"}, false},
		"by the request": {"{http.request.host}:443 {\ntransport payermax\n}", doctor.OK, "{http.request.host}:443",
			doctor.Gateway{URL: "{http.request.host}:443", Unchecked: "this address cannot be checked: it is a socket, a range, or depends on the request"}, false},
		"a forward proxy": {transport("network_proxy url http://proxy.example:3128"), doctor.OK, "https://one.example",
			doctor.Gateway{URL: "https://one.example", Unchecked: "the transport uses a forward proxy, which this check does not"}, true},
		"no forward proxy": {transport("network_proxy none"), doctor.OK, "https://one.example", doctor.Gateway{URL: "https://one.example"}, true},
		"the PROXY protocol": {transport("proxy_protocol v2"), doctor.OK, "https://one.example",
			doctor.Gateway{URL: "https://one.example", Unchecked: "the transport speaks the PROXY protocol, which this check does not"}, true},
		"HTTP/3": {transport("versions 3"), doctor.OK, "https://one.example",
			doctor.Gateway{URL: "https://one.example", Unchecked: "the transport speaks HTTP/3, which this check does not"}, true},
		"transport http": {"https://one.example", doctor.Warning, "through transport http, which writes signatures to debug logs",
			doctor.Gateway{URL: "https://one.example", FollowsEnvironment: true, Unchecked: "transport http may use a proxy from the environment, which this check does not"}, true},
		"a bad transport": {transport("tls_trust_pool file /nowhere.pem"), doctor.Problem, "transport payermax: ",
			doctor.Gateway{URL: "https://one.example", Unchecked: "the transport cannot be loaded; see proxy above"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			trial, err := newTrial(t.Context(), true)
			require.NoError(t, err)
			defer trial.end()
			handlers := adapted(t, ":8080 {\n"+signing+"reverse_proxy "+test.proxy+"\n}").handlers()
			require.Len(t, handlers, 1)
			result, gateways := trial.gateways(handlers[0].proxy, true)
			assert.Equal(t, test.outcome, result.Outcome, result.Message)
			assert.Contains(t, result.Message, test.message)
			require.Len(t, gateways, 1)
			got := gateways[0]
			assert.Equal(t, test.tls, got.TLS != nil)
			assert.True(t, got.FollowsClock)
			assert.NotEmpty(t, got.Via)
			got.TLS, got.Dial, got.FollowsClock, got.Via = nil, nil, false, ""
			assert.Equal(t, test.want, got)
		})
	}
}

func TestGatewaysThatAreNotFixed(t *testing.T) {
	trial, err := newTrial(t.Context(), true)
	require.NoError(t, err)
	defer trial.end()
	result, gateways := trial.gateways(map[string]any{"dynamic_upstreams": map[string]any{"source": "a"}}, false)
	assert.Equal(t, doctor.NotChecked, result.Outcome)
	assert.Empty(t, gateways)
	result, _ = trial.gateways(nil, false)
	assert.Equal(t, doctor.Problem, result.Outcome)
}

// The gateway has the transport's TLS settings.
func TestGatewayHasTransportsTLS(t *testing.T) {
	trial, err := newTrial(t.Context(), true)
	require.NoError(t, err)
	defer trial.end()
	handlers := adapted(t, ":8080 {\n"+signing+"reverse_proxy https://one.example {\ntransport payermax {\ntls_server_name other.example\ntls_insecure_skip_verify\n}\n}\n}").handlers()
	_, gateways := trial.gateways(handlers[0].proxy, false)
	require.NotNil(t, gateways[0].TLS)
	assert.Equal(t, "other.example", gateways[0].TLS.ServerName)
	assert.True(t, gateways[0].TLS.InsecureSkipVerify)
	assert.NotNil(t, gateways[0].Dial)
}
