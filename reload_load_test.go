package payermax

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Calls, key rotations and config reloads run concurrently: no call is lost, and each is
// signed by one of the keys.
func TestRotationsAndReloadsUnderLoad(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	keys := []*rsa.PrivateKey{newKey(), newKey(), newKey()}
	mounted := testkeys.MountSecret(t, map[string]string{"private.key": testkeys.PrivatePEM(keys[0])})

	var received atomic.Int64
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		var verified bool
		for _, key := range keys {
			verified = verified || signer.Verify(&key.PublicKey, body, r.Header.Get("Sign")) == nil
		}
		assert.True(t, verified, "signed by none of the keys")
		received.Add(1)
		_, _ = io.WriteString(w, `{"code":"APPLY_SUCCESS"}`)
	}))
	defer gateway.Close()

	address := testnet.FreeAddress(t)
	load := func(i int) {
		config, err := json.Marshal(map[string]any{
			"admin":   map[string]any{"disabled": true, "config": map[string]any{"persist": false}},
			"logging": map[string]any{"logs": map[string]any{"default": map[string]any{"level": "ERROR"}}},
			"apps": map[string]any{"http": map[string]any{"servers": map[string]any{"sidecar": map[string]any{
				"listen": []string{address},
				"routes": []any{map[string]any{"handle": []any{
					map[string]any{
						"handler": "payermax", "app_id": fmt.Sprint(i),
						"max_wait": "20s", // the test is about reloads, so a busy machine must not fail it
						"key":      map[string]any{"source": "file", "path": mounted.Path("private.key")},
					},
					map[string]any{
						"handler":   "reverse_proxy",
						"transport": map[string]any{"protocol": "payermax"},
						"upstreams": []any{map[string]any{"dial": strings.TrimPrefix(gateway.URL, "http://")}},
					},
				}}},
			}}}},
		})
		require.NoError(t, err)
		require.NoError(t, caddy.Load(config, true))
	}
	load(0)
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })

	// On Linux, Caddy opens a new listening socket at each reload and closes the old one.
	// That also closes idle connections and those that have not been accepted yet. No
	// request was read from these, so the client tries again, and the gateway's count
	// shows that no call was lost or sent twice.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	stop := make(chan struct{})
	var working sync.WaitGroup
	var sent atomic.Int64
	for range 10 {
		working.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				answer, err := client.Post("http://"+address+sessionPath, "application/json", strings.NewReader(sessionBody))
				if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
					continue
				}
				if !assert.NoError(t, err) {
					return
				}
				body, err := io.ReadAll(answer.Body)
				assert.NoError(t, err)
				assert.NoError(t, answer.Body.Close())
				assert.Equal(t, http.StatusOK, answer.StatusCode, string(body))
				sent.Add(1)
			}
		})
	}
	for i := range 20 {
		mounted.Swap(map[string]string{"private.key": testkeys.PrivatePEM(keys[i%len(keys)])})
		load(i + 1)
		soon := sent.Load() + 20
		require.Eventually(t, func() bool { return sent.Load() > soon }, pickUp, time.Millisecond)
	}
	close(stop)
	working.Wait()
	assert.Equal(t, sent.Load(), received.Load())
}
