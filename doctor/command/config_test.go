package command

import (
	"crypto/sha512"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// adapted returns a Caddyfile in Caddy's JSON.
func adapted(t *testing.T, caddyfile string) configTree {
	t.Helper()
	tree, err := Config{Name: "Caddyfile", Adapter: "caddyfile", Text: []byte(caddyfile)}.adapt()
	require.NoError(t, err)
	return tree
}

// signing is a payermax_sign directive.
const signing = "payermax_sign {\napp_id app\nprivate_key private.key\n}\n"

// proxying returns a reverse proxy that follows it.
func proxying(url string) string {
	return "reverse_proxy " + url + " {\ntransport payermax\n}\n"
}

// Handlers are found at any depth, each with the proxy that its requests would reach.
func TestHandlersOfConfig(t *testing.T) {
	type located struct{ name, upstream string }
	for name, test := range map[string]struct {
		config string
		want   []located
	}{
		"the next handler":  {":8080 {\n" + signing + proxying("https://one.example") + "}", []located{{"payermax on :8080", "one.example:443"}}},
		"no proxy":          {":8080 {\n" + signing + "}", []located{{"payermax on :8080", ""}}},
		"a proxy elsewhere": {":8080 {\nhandle /a/* {\n" + signing + "}\nhandle {\n" + proxying("https://one.example") + "}\n}", []located{{"payermax on :8080", ""}}},
		"in handle": {":8080 {\nhandle /a/* {\n" + signing + proxying("https://one.example") + "}\nhandle {\n" + signing + proxying("https://two.example") + "}\n}",
			[]located{{"payermax on :8080", "one.example:443"}, {"payermax on :8080", "two.example:443"}}},
		"in route":  {":8080 {\nroute {\n" + signing + "}\nroute {\nrespond /x 404\n" + proxying("https://one.example") + "}\n}", []located{{"payermax on :8080", "one.example:443"}}},
		"two sites": {"http://a.example {\n" + signing + proxying("https://one.example") + "}\nhttp://b.example {\n" + signing + "}", []located{{"payermax on a.example", "one.example:443"}, {"payermax on b.example", ""}}},
		"invoked":   {"&(sign) {\nroute {\n" + signing + proxying("https://one.example") + "}\n}\n:8080 {\ninvoke sign\n}", []located{{"payermax on :8080", "one.example:443"}}},
		"errors":    {":8080 {\nhandle_errors {\n" + signing + proxying("https://one.example") + "}\n}", []located{{"payermax on :8080", "one.example:443"}}},
		"notify":    {":8443 {\npayermax_notify /callback {\ngateway_public_key payermax.pub\n}\nreverse_proxy 127.0.0.1:3000\n}", []located{{"payermax_notify on :8443", "127.0.0.1:3000"}}},
		"none":      {":8080 {\nrespond hello\n}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []located
			for _, h := range adapted(t, test.config).handlers() {
				upstream := ""
				if h.proxy != nil {
					upstream = h.proxy["upstreams"].([]any)[0].(map[string]any)["dial"].(string)
				}
				got = append(got, located{h.name(), upstream})
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestDecodeTree(t *testing.T) {
	tree, err := decodeTree([]byte(`{"a":{"b":[12345678901234567890]}}`))
	require.NoError(t, err)
	copied, err := tree.copied()
	require.NoError(t, err)
	assert.Equal(t, tree, copied)
	assert.Nil(t, tree.at("a", "x", "y"))
	for _, text := range []string{"", "[]", "null", `{"canary`, "canary"} {
		_, err := decodeTree([]byte(text))
		assert.ErrorContains(t, err, "the config is not a JSON object")
		assert.NotContains(t, err.Error(), "canary")
	}
}

func TestConfigAdminReach(t *testing.T) {
	t.Setenv("PAYERMAX_TEST_ADMIN", "192.0.2.1:2019")
	for admin, want := range map[string]reach{
		`{}`:                            reachedByMachine,
		`{"admin":{}}`:                  reachedByMachine,
		`{"admin":{"disabled":true}}`:   reachedByNobody,
		`{"admin":{"disabled":"true"}}`: reachedByMachine,
		`{"admin":{"listen":"localhost:no-port"}}`:              reachedByMachine,
		`{"admin":{"listen":"localhost:2019"}}`:                 reachedByMachine,
		`{"admin":{"listen":"[::1]:2019"}}`:                     reachedByMachine,
		`{"admin":{"listen":"fd/3"}}`:                           reachedByMachine,
		`{"admin":{"listen":"unix//run/x"}}`:                    reachedByOwner,
		`{"admin":{"listen":"unix//run/x|0600"}}`:               reachedByOwner,
		`{"admin":{"listen":"unix//run/x|0660"}}`:               reachedByMachine,
		`{"admin":{"listen":"unix//run/x|0222"}}`:               reachedByMachine,
		`{"admin":{"listen":"unix//run/x|rw"}}`:                 reachedByMachine,
		`{"admin":{"listen":"unix/@payermax"}}`:                 reachedByMachine,
		`{"admin":{"listen":":2019"}}`:                          reachedByNetwork,
		`{"admin":{"listen":"0.0.0.0:2019"}}`:                   reachedByNetwork,
		`{"admin":{"listen":"192.0.2.1:2019"}}`:                 reachedByNetwork,
		`{"admin":{"listen":"{env.PAYERMAX_TEST_ADMIN}"}}`:      reachedByNetwork,
		`{"admin":{"disabled":false,"listen":"[::]:2019"}}`:     reachedByNetwork,
		`{"admin":{"listen":"{env.PAYERMAX_TEST_ADMIN_GONE}"}}`: reachedByMachine,
	} {
		tree, err := decodeTree([]byte(admin))
		require.NoError(t, err)
		assert.Equal(t, want, tree.adminReach(), admin)
	}
}

func TestReadConfig(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, flag, adapter string }{
		{"Caddyfile", "", "caddyfile"}, {"sidecar.conf", "", "caddyfile"}, {"caddy.json", "", ""}, {"Caddy.JSON", "", ""},
		{"caddy.json", "caddyfile", "caddyfile"}, {"other", "json", ""}, {"other", "yaml", "yaml"},
	} {
		path := filepath.Join(dir, test.name)
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
		file, err := readConfig(path, test.flag)
		require.NoError(t, err)
		assert.Equal(t, Config{Name: path, Adapter: test.adapter, Text: []byte("x"), NeedsAdapter: test.name == "sidecar.conf"}, file)
	}
	_, err := readConfig(filepath.Join(dir, "nowhere"), "")
	assert.ErrorContains(t, err, "name the file with --config")
	sum := sha512.Sum384([]byte("a line")) // stands for a key's bytes
	key := base64.StdEncoding.EncodeToString(sum[:])
	_, err = readConfig(key, "")
	assert.ErrorContains(t, err, "--config looks like a key itself")
	assert.NotContains(t, err.Error(), key[:20])
}
