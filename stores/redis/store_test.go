package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/stores/storetest"
)

// open loads a store as Caddy does, and cleans it up at the end of the test. If the test is
// not about the timeout, it sets one that is long enough for a busy machine.
func open(t testing.TB, settings Settings) *Store {
	t.Helper()
	store, err := tryOpen(t, settings)
	require.NoError(t, err)
	return store
}

func tryOpen(t testing.TB, settings Settings) (*Store, error) {
	t.Helper()
	settings.Timeout = cmp.Or(settings.Timeout, caddy.Duration(10*time.Second))
	raw, err := json.Marshal(settings)
	require.NoError(t, err)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	module, err := ctx.LoadModuleByID("payermax.stores.redis", raw)
	if err != nil {
		return nil, err
	}
	return module.(*Store), nil
}

// A claim holds across two sidecars, and its lease follows the server's clock.
func TestClaims(t *testing.T) {
	server := startServer(t)
	t.Run("claims", func(t *testing.T) {
		storetest.TestClaims(t, func(t *testing.T) storetest.Subject {
			settings := Settings{Addresses: []string{server.address}, KeyPrefix: t.Name() + ":", Timeout: caddy.Duration(10 * time.Second)}
			return storetest.Subject{
				Replicas: []stores.Claims{open(t, settings), open(t, settings)},
				Pass:     time.Sleep, // the server's clock cannot be set
			}
		})
	})
	t.Run("every key ends", func(t *testing.T) {
		requireEveryKeyEnds(t, server, `:\{[0-9a-f]{32}\}[0-9a-f]{32}$`)
	})
}

// requireEveryKeyEnds checks that there are keys, that each has a time to live, and that
// their names match the form.
func requireEveryKeyEnds(t *testing.T, server *process, form string) {
	t.Helper()
	keys := server.keys()
	require.NotEmpty(t, keys)
	for _, key := range keys {
		ttl, err := server.client().PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		assert.NotEqual(t, time.Duration(-1), ttl, "%s is for ever", key)
		assert.Regexp(t, form, key)
	}
}

// An attempt whose answer was lost may be repeated: the claim still holds the key.
func TestClaimMayBeRepeated(t *testing.T) {
	s := open(t, Settings{Addresses: []string{startServer(t).address}})
	claim := stores.NewClaim(stores.NewScope("test").Key("thing"))
	for range 2 {
		state, err := s.claim(t.Context(), claim, time.Minute)
		require.NoError(t, err)
		assert.Equal(t, stores.New, state)
	}
}

// Whatever the server does, an operation ends when its timeout has passed, even if many wait
// for a connection.
func TestTimeoutBoundsAll(t *testing.T) {
	server := startServer(t)
	const timeout = 200 * time.Millisecond
	stood := testtool.Standstill(t)
	s := open(t, Settings{Addresses: []string{server.address}, Timeout: caddy.Duration(timeout)})
	require.Eventually(t, func() bool { // a busy machine may be slower than the timeout
		_, _, err := s.Claim(t.Context(), stores.NewScope("test").Key("before"), time.Minute)
		return err == nil
	}, 30*time.Second, timeout)
	for _, test := range []struct {
		name         string
		fault, after func()
	}{
		{"paused", server.pause, server.resume},
		{"killed", server.kill, func() {}}, // the last, since a killed server cannot be used again
	} {
		name := test.name
		test.fault()
		const claimants = 100
		took := make(chan time.Duration, claimants)
		for range claimants {
			go func() {
				began := time.Now()
				_, _, err := s.Claim(t.Context(), stores.NewScope("test").Key(name), time.Minute)
				assert.Error(t, err, name)
				took <- time.Since(began)
			}()
		}
		for range claimants {
			assert.Less(t, <-took, timeout+2*time.Second+stood(), name) // most of this is for a busy machine
		}
		test.after()
	}
}

// Errors in the settings are reported when the config is loaded, by the name of the option.
func TestSettings(t *testing.T) {
	password := writeSecret(t, "hunter2\n")
	address := []string{"127.0.0.1:1"}
	for message, settings := range map[string]Settings{
		"address: required":                   {},
		"is not a host and a port":            {Addresses: []string{"127.0.0.1"}},
		`"...@127.0.0.1:1" is not a host`:     {Addresses: []string{"redis://user:hunter2@127.0.0.1:1"}},
		"username: has no meaning without":    {Addresses: address, Username: "payermax"},
		"sentinel_password_file: has no":      {Addresses: address, SentinelPasswordFile: password},
		"cluster: Sentinels do not watch":     {Addresses: address, Cluster: true, SentinelMaster: "payermax"},
		"key_prefix: must not contain braces": {Addresses: address, KeyPrefix: "payermax}"},
		"timeout must be a duration from":     {Addresses: address, Timeout: -1},
		"password_file: ":                     {Addresses: address, PasswordFile: password + ".missing"},
		"which is not repeated here":          {Addresses: address, PasswordFile: "hunter2"},
		"is empty; write the password":        {Addresses: address, PasswordFile: writeSecret(t, "\n")},
		"has several lines":                   {Addresses: address, PasswordFile: writeSecret(t, "hunter2\nhunter3\n")},
		"is a JSON, XML or HTML document":     {Addresses: address, PasswordFile: writeSecret(t, "{\n\"password\": \"hunter2\"\n}\n")},
		"has quotes in it":                    {Addresses: address, PasswordFile: writeSecret(t, "\"hunter2\"\n")},
		"has the name of a setting":           {Addresses: address, PasswordFile: writeSecret(t, "REDIS_PASSWORD=hunter2\n")},
		"sentinel_password_file: ":            {Addresses: address, SentinelMaster: "m", SentinelPasswordFile: writeSecret(t, "export X=hunter2\n")},
		"is not a regular file":               {Addresses: address, PasswordFile: t.TempDir()},
		"tls: client_certificate: needs the":  {Addresses: address, TLS: &TLS{Certificate: "tls.crt"}},
		"PAYERMAX_TEST_UNSET":                 {Addresses: []string{"{env.PAYERMAX_TEST_UNSET}"}},
	} {
		_, err := tryOpen(t, settings)
		require.ErrorContains(t, err, message)
		assert.NotContains(t, err.Error(), "hunter", message)
	}
}

// A config is loaded even if the server is down. Once the server is up, the store finds it.
func TestServerMayComeLater(t *testing.T) {
	server := startServer(t)
	server.kill()
	s := open(t, Settings{Addresses: []string{server.address}})
	require.Eventually(t, func() bool { return s.Health().Problem != "" && !s.Health().Reachable }, 30*time.Second, 10*time.Millisecond)
	require.Len(t, stores.InUse(), 1)
	server.start()
	require.Eventually(t, func() bool { return s.Health().Reachable }, 2*checkInterval+30*time.Second, 50*time.Millisecond)
	assert.Empty(t, s.Health().Problem)
}

// A server that can be reached but not used is not reported as reachable.
func TestUselessServerIsFoundOut(t *testing.T) {
	server := startServer(t)
	require.NoError(t, server.client().ACLSetUser(t.Context(), "reader", "on", ">hunter2", "~*", "+@read", "+@connection").Err())
	s := open(t, Settings{Addresses: []string{server.address}, Username: "reader", PasswordFile: writeSecret(t, "hunter2")})
	require.Eventually(t, func() bool { return strings.Contains(s.Health().Problem, "NOPERM") }, 30*time.Second, 10*time.Millisecond, "%v", s.Health())
	assert.False(t, s.Health().Reachable)
}

// The password is read for each new connection.
func TestPasswordIsReadAgain(t *testing.T) {
	server := startServer(t, "--requirepass", "first")
	path := writeSecret(t, "first\n")
	s := open(t, Settings{Addresses: []string{server.address}, PasswordFile: path})
	assert.Equal(t, []string{path}, s.Files())
	scope := stores.NewScope("test")
	_, _, err := s.Claim(t.Context(), scope.Key("first"), time.Minute)
	require.NoError(t, err)

	server.kill()
	server.arguments[len(server.arguments)-1] = "second"
	server.start()
	_, _, err = s.Claim(t.Context(), scope.Key("between"), time.Minute)
	require.ErrorContains(t, err, "WRONGPASS")
	assert.NotContains(t, err.Error(), "first")
	require.NoError(t, writeOver(path, "second\n"))
	require.Eventually(t, func() bool {
		_, _, err := s.Claim(t.Context(), scope.Key("second"), time.Minute)
		return err == nil
	}, 30*time.Second, 50*time.Millisecond)
}

// Two handlers count in one place if server and prefix are the same, in whichever order the
// addresses are listed.
func TestIdentity(t *testing.T) {
	identity := func(prefix string, addresses ...string) string {
		return open(t, Settings{Addresses: addresses, KeyPrefix: prefix}).Identity()
	}
	of := identity("", "127.0.0.1:1", "127.0.0.1:2")
	assert.Equal(t, of, identity("payermax:", "127.0.0.1:2", "127.0.0.1:1"))
	assert.NotEqual(t, of, identity("uat:", "127.0.0.1:1", "127.0.0.1:2"))
	assert.NotEqual(t, of, identity("", "127.0.0.1:1"))
}
