package deploy

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each Caddyfile is formatted as caddy fmt would format it.
func TestCaddyfilesAreFormatted(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("kubernetes/components/*/Caddyfile")
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, file := range files {
		out, err := exec.Command(caddy(t), "fmt", "--diff", file).CombinedOutput()
		assert.NoError(t, err, "%s\n%s", file, out)
	}
}

// The binary accepts each container's Caddyfile, with the container's environment and with keys
// where the Secret would be mounted.
func TestCaddyfilesAreValid(t *testing.T) {
	t.Parallel()
	for _, folder := range overlays(t) {
		t.Run(folder, func(t *testing.T) {
			p := newPod(t, folder)
			caddy(t) // built before the timeout starts
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if folder == "kubernetes/overlays/shared-gateway" {
				makeCertificates(t, p)
			}
			out, err := p.caddy(t, ctx, "validate", "--config", p.caddyfile).CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}

// A pod does not start, and says why, if it has no gateway, or if it names the sandbox beside a
// merchant's credentials.
func TestCaddyfilesHaveNoDefaultGateway(t *testing.T) {
	t.Parallel()
	for _, folder := range overlays(t) {
		t.Run(folder, func(t *testing.T) {
			refused := map[string]string{
				"PAYERMAX_GATEWAY": "gateway is empty", "PAYERMAX_GATEWAY=": "gateway is empty", "PAYERMAX_GATEWAY= ": "gateway is empty",
			}
			if filepath.Base(folder) != "sandbox" {
				refused["PAYERMAX_GATEWAY=sandbox"] = "the gateway is the sandbox, which never calls PayerMax, but the configuration has a merchant's app_id, merchant_no, private_key, next_private_key, gateway_public_key,"
				refused["PAYERMAX_GATEWAY=sandbox sandbox"] = "gateway_public_key: the gateway is the sandbox"
			}
			for variable, says := range refused {
				p := newPod(t, folder, variable)
				if filepath.Base(folder) == "shared-gateway" {
					makeCertificates(t, p)
				}
				out, err := p.caddy(t, t.Context(), "validate", "--config", p.caddyfile).CombinedOutput()
				assert.Error(t, err, variable)
				assert.Contains(t, string(out), says, variable)
			}
		})
	}
}

// config holds the parts of Caddy's JSON that these tests check.
type config struct {
	Admin struct {
		Disabled bool
		Config   struct{ Persist *bool }
	}
	Apps struct {
		HTTP struct {
			GracePeriod   time.Duration `json:"grace_period"`
			ShutdownDelay time.Duration `json:"shutdown_delay"`
			Servers       map[string]*server
		}
	}
}

type server struct {
	Listen         []string
	Routes         json.RawMessage
	AutomaticHTTPS struct{ Disable bool } `json:"automatic_https"`
	WriteTimeout   time.Duration          `json:"write_timeout"`
	TLS            []struct {
		Client struct{ Mode string } `json:"client_authentication"`
	} `json:"tls_connection_policies"`
}

// adapt returns the config that the container's Caddyfile adapts to.
func adapt(t *testing.T, p *pod) config {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := p.caddy(t, ctx, "adapt", "--config", p.caddyfile).Output()
	require.NoError(t, err)
	var c config
	require.NoError(t, json.Unmarshal(out, &c))
	return c
}

// The signing port listens where it should, and the only other listener is for health and metrics.
// Nobody can give Caddy another config.
func TestListeners(t *testing.T) {
	t.Parallel()
	for _, folder := range overlays(t) {
		t.Run(folder, func(t *testing.T) {
			p := newPod(t, folder)
			c := adapt(t, p)
			assert.True(t, c.Admin.Disabled)
			if assert.NotNil(t, c.Admin.Config.Persist) {
				assert.False(t, *c.Admin.Config.Persist)
			}
			signing := "127.0.0.1:" + p.signing
			mutualTLS := false
			switch filepath.Base(folder) {
			case "unix-socket":
				signing = "unix/" + p.root + "/run/payermax/payermax.sock|0660"
			case "shared-gateway":
				signing, mutualTLS = ":"+p.tls, true
			}

			expected := map[string][]string{signing: {"payermax"}, ":" + p.health: {"metrics", "payermax_health"}}
			found := make(map[string][]string)
			for _, server := range c.Apps.HTTP.Servers {
				require.Len(t, server.Listen, 1)
				listen := server.Listen[0]
				for name := range server.handlers(t) {
					if !slices.Contains([]string{"subroute", "reverse_proxy", "payermax_error"}, name) {
						found[listen] = append(found[listen], name)
					}
				}
				slices.Sort(found[listen])
				assert.True(t, server.AutomaticHTTPS.Disable)
				if listen == signing && mutualTLS {
					require.Len(t, server.TLS, 1)
					assert.Equal(t, "require_and_verify", server.TLS[0].Client.Mode)
				} else {
					assert.Empty(t, server.TLS)
				}
			}
			assert.Equal(t, expected, found)
		})
	}
}

// handlers returns the handlers of a server, at any depth of its routes.
func (s *server) handlers(t *testing.T) map[string]map[string]any {
	t.Helper()
	var routes any
	require.NoError(t, json.Unmarshal(s.Routes, &routes))
	found := make(map[string]map[string]any)
	var collect func(any)
	collect = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			if name, ok := value["handler"].(string); ok {
				found[name] = value
			}
			for _, member := range value {
				collect(member)
			}
		case []any:
			for _, element := range value {
				collect(element)
			}
		}
	}
	collect(routes)
	return found
}

// drain is how long the example application may take to finish its requests
// after SIGTERM. The rest of the pod's time is the sidecar's.
const drain = 20 * time.Second

// givingUp is how long the sidecar takes to exit after its grace period if it still has calls to
// give up.
const givingUp = time.Second

// A terminating pod has time for every call: the sidecar outlives the application, no call outlives
// the grace period or the server's write timeout, and the kubelet kills nothing.
func TestGracePeriods(t *testing.T) {
	t.Parallel()
	for _, folder := range overlays(t) {
		t.Run(folder, func(t *testing.T) {
			p := newPod(t, folder)
			c := adapt(t, p)
			seconds := *p.template.Spec.TerminationGracePeriodSeconds
			termination := time.Duration(seconds) * time.Second
			delay, grace := c.Apps.HTTP.ShutdownDelay, c.Apps.HTTP.GracePeriod
			if p.native { // it has no callers left by then, and its Job waits for it
				assert.Zero(t, delay)
			} else {
				assert.GreaterOrEqual(t, delay, 5*time.Second)
			}
			assert.Equal(t, 25*time.Second, grace)
			assert.Greater(t, termination, delay+grace+givingUp)
			if filepath.Base(folder) == "shared-gateway" { // its callers close idle connections sooner
				assert.Equal(t, 30*time.Second, delay)
			}
			for _, server := range c.Apps.HTTP.Servers {
				if handler, ok := server.handlers(t)["payermax"]; ok {
					timeout, ok := handler["timeout"].(float64)
					require.True(t, ok, "the default timeout is longer than the grace period")
					assert.Less(t, time.Duration(timeout), grace)
					assert.Less(t, time.Duration(timeout), server.WriteTimeout)
				}
			}
			for _, app := range others(&p.template.Spec) {
				if p.native { // application and sidecar end one after the other
					preStop := time.Duration(app.Lifecycle.PreStop.Sleep.Seconds) * time.Second
					assert.GreaterOrEqual(t, termination, preStop+drain+delay+grace+givingUp)
				} else { // they end at the same time
					assert.Equal(t, []string{"sleep", "5"}, app.Lifecycle.PreStop.Exec.Command)
					assert.GreaterOrEqual(t, delay, 5*time.Second+drain)
				}
			}
		})
	}
}
