package landlock

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/keys"
)

// atHome sets temporary directories for Caddy, and returns them.
func atHome(t *testing.T) (data, config string) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	return caddy.AppDataDir(), caddy.AppConfigDir()
}

// useKey keeps a key file in use until the end of the test.
func useKey(t *testing.T, path string) {
	t.Helper()
	ring, err := keys.Open(keys.Config{GatewayFiles: []string{path}, Logger: zap.NewNop()})
	require.NoError(t, err)
	ring.Use()
	t.Cleanup(ring.Release)
}

// A config needs the paths that it names, the directories of its keys and sockets, and what
// Go and Caddy read and write.
func TestNeed(t *testing.T) {
	data, config := atHome(t)
	const keyFolder = "/run/secrets/payermax"
	named, written, sockets := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("SSL_CERT_DIR", "/certificates/a:/certificates/b")
	t.Setenv("SSL_CERT_FILE", "/certificates/file.pem")
	servers := &caddyhttp.App{Servers: map[string]*caddyhttp.Server{"": {Listen: []string{
		":8080", "unix/" + filepath.Join(sockets, "caddy.sock") + "|0222", "unix/@abstract", "an address that is not one:x:y",
	}}}}

	a := &App{Read: []string{named}, Write: []string{written}}
	needed, err := a.need([]string{keyFolder}, servers)
	require.NoError(t, err)
	assert.Subset(t, needed.Read, append([]string{named, keyFolder, "/certificates/a", "/certificates/b", "/certificates/file.pem"}, systemPaths...))
	assert.ElementsMatch(t, []string{written, sockets, data, config}, needed.Write)
	assert.NotContains(t, needed.Read, "/")

	needed, err = new(App).need(nil, nil)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{data, config}, needed.Write)
	assert.NotContains(t, needed.Read, named)
}

// A path that does not exist could not be created later, so it is refused while the operator
// is still watching.
func TestNeedRefuses(t *testing.T) {
	atHome(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for words, a := range map[string]*App{
		"read: stat /no/such: no such file or directory; name an existing path":        {Read: []string{file, "/no/such"}},
		"write: stat /no/such: no such file or directory; create the directory first":  {Write: []string{"/no/such"}},
		"write: " + file + " is not a directory; name its directory":                   {Write: []string{file}},
		"write: stat " + file + "/inside: not a directory; create the directory first": {Write: []string{file + "/inside"}},
		"read: stat : no such file or directory; name an existing path":                {Read: []string{""}},
	} {
		_, err := a.need(nil, nil)
		assert.EqualError(t, err, words)
	}
}

// A key in the root directory would leave everything readable.
func TestNeedRefusesKeyInRoot(t *testing.T) {
	_, err := new(App).need([]string{"/run/secrets", "/"}, nil)
	assert.ErrorContains(t, err, "the file of a key or password is in /, so everything would be readable; put it into its own directory")
}

// A process that is not confined may access anything, and a config needs no servers.
func TestProvision(t *testing.T) {
	atHome(t)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	key := testkeys.WritePublic(t, &testkeys.Gateway().PublicKey)
	useKey(t, key)
	a := &App{Read: []string{t.TempDir()}}
	require.NoError(t, a.Provision(ctx))
	assert.Subset(t, a.needed.Read, append(a.Read, filepath.Dir(key)), "the handlers' keys included")
	assert.NoError(t, a.Stop())
	assert.ErrorContains(t, (&App{Read: []string{"/no/such"}}).Provision(ctx), "read: ")
}

func TestUnmarshalCaddyfile(t *testing.T) {
	for text, want := range map[string]App{
		"payermax_landlock":                           {},
		"payermax_landlock {\n}":                      {},
		"payermax_landlock {\nread /a /b\nread /c\n}": {Read: []string{"/a", "/b", "/c"}},
		"payermax_landlock {\nwrite /a\nrequired\n}":  {Write: []string{"/a"}, Required: true},
	} {
		a := new(App)
		require.NoError(t, a.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)), text)
		assert.Equal(t, want, *a, text)
	}
	for text, words := range map[string]string{
		"payermax_landlock x":                  "x",
		"payermax_landlock {\nread\n}":         "read",
		"payermax_landlock {\nreads /a\n}":     "did you mean read?",
		"payermax_landlock {\nrequired yes\n}": "required takes no value, but has one value",
	} {
		assert.ErrorContains(t, new(App).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)), words, text)
	}
}

// The option is given once, as an app.
func TestParse(t *testing.T) {
	value, err := parse(caddyfile.NewTestDispenser("payermax_landlock {\nrequired\n}"), nil)
	require.NoError(t, err)
	app := value.(httpcaddyfile.App)
	assert.Equal(t, "payermax_landlock", app.Name)
	assert.JSONEq(t, `{"required":true}`, string(app.Value))
	_, err = parse(caddyfile.NewTestDispenser("payermax_landlock"), value)
	assert.ErrorContains(t, err, "payermax_landlock is already set; put everything into one block")
}
