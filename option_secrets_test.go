package payermax

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/modules/transport"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// canary takes the place of a password or a token.
const canary = "canary0123"

// misspelt are values that have a secret in the wrong place.
var misspelt = []string{
	"http://user:" + canary + "@proxy.example:3128",
	"redis://:" + canary + "@redis.example/0 a b c",
	"pkcs11:token=payermax?pin-value=" + canary,
	"url=http://user:" + canary + "@proxy.example {\n" + canary + "@proxy.example\n}",
	"user:" + canary + "@proxy.example b c d e",
}

// optionsOfOthers returns the options in a payermax block that Caddy's own parsers read.
func optionsOfOthers() (all []optionIn) {
	for around, names := range map[string]string{
		"": `lb_policy lb_retries lb_try_duration lb_try_interval lb_retry_match health_uri health_path health_upstream health_port
			health_headers health_method health_request_body health_interval health_timeout health_status health_body health_follow_redirects
			health_passes health_fails fail_duration max_fails unhealthy_status unhealthy_latency unhealthy_request_count flush_interval
			request_buffers response_buffers stream_timeout stream_close_delay trusted_proxies header_up header_down transport verbose_logs misspelt`,
		"transport http": `read_buffer write_buffer read_timeout write_timeout max_response_header proxy_protocol forward_proxy_url
			network_proxy dial_timeout dial_fallback_delay response_header_timeout expect_continue_timeout resolvers tls_client_auth
			tls_curves tls_timeout tls_trusted_ca_certs tls_server_name tls_renegotiation tls_except_ports keepalive keepalive_interval
			keepalive_idle_conns keepalive_idle_conns_per_host versions compression max_conns_per_host tls_trust_pool local_address misspelt`,
	} {
		for name := range strings.FieldsSeq(names) {
			option := optionIn{around: []string{":8080", "payermax", around}}
			if around == "" {
				option.around = option.around[:2]
			}
			option.Name = name
			all = append(all, option)
		}
	}
	return all
}

// Whatever follows the name of an option, or replaces it, no error repeats a password or
// a token. This holds for our errors and for those of Caddy's parsers.
func TestErrorsRepeatNoSecret(t *testing.T) {
	refused := 0
	for _, o := range append(optionsWithValues(), optionsOfOthers()...) {
		for _, values := range misspelt {
			alone := o
			alone.Name = ""
			for _, err := range []error{o.with(values), o.with("url " + values), o.with("X-Token Bearer " + values), alone.with(values)} {
				if err != nil {
					refused++
					assert.NotContains(t, err.Error(), canary, o.Name)
				}
			}
		}
	}
	assert.Greater(t, refused, 1000)

	for _, opening := range []string{"payermax", "payermax_sign", "payermax_notify", "payermax_health", "payermax_sandbox", "payermax_notify_guard"} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\n"+opening+" "+misspelt[0]+" {\n}\n}"), nil)
		require.Error(t, err, opening)
		assert.NotContains(t, err.Error(), canary, opening)
	}
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\nreverse_proxy https://h {\ntransport payermax {\nnetwork_proxy "+misspelt[0]+"\n}\n}\n}"), nil)
	require.ErrorContains(t, err, "for the URL of a proxy, write url before it")
	assert.NotContains(t, err.Error(), canary)
}

// No option takes the text of a key, and no error repeats it: the variables of two options are
// easily mixed up.
func TestNoOptionTakesKey(t *testing.T) {
	key := testkeys.OneLine(testkeys.PKCS8(testkeys.Merchant()))
	said := make(map[string]bool) // which options say what the value looks like
	for _, o := range optionsWithValues() {
		for _, others := range []string{"", "IDR ", "IDR 5 per "} {
			err := o.with(others + key)
			require.Error(t, err, o.Name)
			assert.NotContains(t, err.Error(), key[40:60], o.Name)
			said[o.Name] = said[o.Name] || strings.Contains(err.Error(), "looks like a key itself")
		}
	}
	for _, name := range []string{"endpoints", "validation", "currencies", "components", "max_amount", "without_store", "private_key", "ack"} {
		assert.True(t, said[name], name)
	}
}

// An identity is not a key, however random or long it is.
func TestIdentitiesAreNotKeys(t *testing.T) {
	random := sha512.Sum512([]byte("an identity"))
	for _, identity := range []string{
		base64.StdEncoding.EncodeToString(random[:]), base64.RawURLEncoding.EncodeToString(random[:]), hex.EncodeToString(random[:]),
		"MI" + hex.EncodeToString(random[:24]), "\"a\nb\"",
	} {
		for _, option := range []string{"app_id", "merchant_no", "sp_merchant_no", "key_version"} {
			config := ":8080 {\npayermax {\ngateway uat\n" + option + " " + identity + "\n}\n}"
			_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
			assert.NoError(t, err, "%s %s", option, identity)
		}
	}
}

// In a JSON config, a URL may be written in place of a module's name, or a key in place
// of its path. The errors repeat neither.
func TestErrorsAboutModulesRepeatNoSecret(t *testing.T) {
	named := func(member string) json.RawMessage {
		return json.RawMessage(`{"` + member + `":"` + misspelt[0] + `"}`)
	}
	key := testkeys.PrivatePEM(testkeys.Merchant())
	proxy := new(transport.Transport)
	proxy.NetworkProxyRaw = named("from")
	withKey := new(transport.Transport)
	withKey.TLS = &reverseproxy.TLSConfig{ClientCertificateFile: "client.crt", ClientCertificateKeyFile: key}
	for says, module := range map[string]caddy.Provisioner{
		"store: this program has no module payermax.stores.***": &stores.App{StoreRaw: named("module")},
		"this program has no module payermax.keys.***":          &Handler{Merchant: Merchant{AppID: "app", KeyRaw: named("source")}},
		"network_proxy: this program has no module":             proxy,
		"tls_client_auth: the path of the key's file":           withKey,
	} {
		err := module.Provision(testcaddy.Context(t))
		require.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), canary)
		assert.NotContains(t, err.Error(), key[40:60])
	}
}
