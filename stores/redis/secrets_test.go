package redis

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The password and the content of notifications appear in no log, metric, probe or config,
// and in no key or value of the store: in normal operation, while the server is down, and
// when the password is wrong.
func TestSecretsAppearNowhere(t *testing.T) {
	t.Parallel()
	const password, order = "canary-password-0123456789", "canary-order-0123456789"
	server, shop := startServer(t, "--requirepass", password), startApplication(t)
	path := writeSecret(t, password+"\n")
	store := "address " + server.address + "\npassword_file " + path + "\ntimeout 2s"
	s := startSidecar(t, shop.address(), store)
	s.awaitStore(true)
	newNotification(t, order+"-1").deliver(s)

	reader := server.clientWith(password)
	keys, err := reader.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	var stored strings.Builder
	for _, key := range keys {
		stored.WriteString(key + " " + reader.Get(t.Context(), key).Val() + "\n")
	}
	assert.Contains(t, stored.String(), " "+done)

	require.NoError(t, writeOver(path, password+"-wrong\n"))
	server.kill()
	newNotification(t, order+"-2").deliver(s)
	s.awaitStore(false)
	server.start()
	newNotification(t, order+"-3").deliver(s) // with the wrong password
	require.Eventually(t, func() bool { return strings.Contains(s.get("/readyz"), "WRONGPASS") }, patience, patience/1000)

	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(fmt.Appendf(nil, "{\npayermax_store redis {\n%s\n}\n}\n", store), nil)
	require.NoError(t, err)
	require.True(t, json.Valid(adapted))
	for where, said := range map[string]string{
		"metrics": s.get("/metrics"), "probe": s.get("/readyz"), "config": string(adapted), "store": stored.String(),
		"log": string(s.Terminate(t, patience)),
	} {
		require.NotEmpty(t, said, where)
		assert.NotContains(t, said, "canary-", where)
	}
}

// A crash dump, such as Go's own after SIGABRT, does not contain the password.
func TestNoPasswordInGoroutineDump(t *testing.T) {
	t.Parallel()
	const password = "canary-password-9876543210"
	server, shop := startServer(t, "--requirepass", password), startApplication(t)
	s := startSidecar(t, shop.address(), "address "+server.address+"\npassword_file "+writeSecret(t, password)+"\ntimeout 2s")
	s.awaitStore(true)
	s.Signal(t, syscall.SIGABRT)
	log := s.Wait(t, patience)
	assert.True(t, log.Has("goroutine "))
	assert.NotContains(t, log, "canary-")
}
