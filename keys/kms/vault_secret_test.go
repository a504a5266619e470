package kms

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/vault/vaulttest"
)

// The token and the JWT must appear only in requests: not in a log line at any level, not
// in an error, not in the config.
func TestVaultShowsNoSecret(t *testing.T) {
	log := registeredVaultLog()
	config := &caddy.Config{
		Admin: &caddy.AdminConfig{Disabled: true},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
			"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output":"vault_test"}`), Level: "DEBUG"}},
		}},
	}
	parent, err := caddy.ProvisionContext(config)
	require.NoError(t, err)
	ctx, cancel := caddy.NewContext(parent)
	defer cancel()

	b := newVaultBench(t)
	jwt := filepath.Join(t.TempDir(), "jwt")
	require.NoError(t, os.WriteFile(jwt, []byte(b.JWT), 0o600))
	b.Issue = vaulttest.Token{TTL: time.Hour, Renewable: true}
	kubernetes := map[string]any{"token_file": nil, "kubernetes": map[string]any{"role": "payermax", "service_account_token": jwt}}
	var seen strings.Builder
	for _, more := range []map[string]any{{"refresh": "10ms"}, kubernetes} {
		for _, change := range []func(s *vaulttest.Server){
			func(*vaulttest.Server) {},
			func(s *vaulttest.Server) { clear(s.Tokens); s.Role = "other" },
			func(s *vaulttest.Server) { s.Fault = vaulttest.Answer("", 500, "CANARY") },
			func(s *vaulttest.Server) { s.Fault = vaulttest.Answer("", 200, `{"data":{"ttl":"CANARY"}}`) },
			func(s *vaulttest.Server) { s.Fault = vaulttest.Answer("", 307, "CANARY") },
		} {
			b.Change(func(s *vaulttest.Server) {
				s.Fault, s.Role = nil, "payermax"
				s.Tokens[vaultToken] = new(vaulttest.Token)
			})
			module, err := ctx.LoadModuleByID("payermax.keys.vault", b.config(more))
			require.NoError(t, err)
			v := module.(*Vault)
			_, _, err = v.Key()
			require.NoError(t, err)

			b.Change(change)
			time.Sleep(50 * time.Millisecond)
			for range 3 {
				_, err := vaultSign(t.Context(), v)
				_, _ = seen.WriteString(errorText(err))
			}
			module, err = ctx.LoadModuleByID("payermax.keys.vault", b.config(more))
			require.NoError(t, err)
			_, _, err = module.(*Vault).Key()
			_, _ = seen.WriteString(errorText(err))
			encoded, err := json.Marshal(v)
			require.NoError(t, err)
			_, _ = seen.Write(encoded)
		}
	}

	assert.Contains(t, log.String(), "token obtained")
	assert.Contains(t, log.String(), "loading the signing key failed")
	assert.Contains(t, seen.String(), "permission denied")
	assert.NotContains(t, log.String(), "CANARY")
	assert.NotContains(t, seen.String(), "CANARY")
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error() + "\n"
}

// vaultLog is a Caddy log writer that keeps what is written to it.
type vaultLog struct{ testprocess.Output }

// registeredVaultLog registers the log writer once, since Caddy does not accept a module
// twice.
var registeredVaultLog = sync.OnceValue(func() *vaultLog {
	log := new(vaultLog)
	caddy.RegisterModule(log)
	return log
})

func (l *vaultLog) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.writers.vault_test",
		New: func() caddy.Module { return l },
	}
}

func (l *vaultLog) WriterKey() string { return "vault_test" }

func (l *vaultLog) OpenWriter() (io.WriteCloser, error) { return l, nil }

func (l *vaultLog) Close() error { return nil }
