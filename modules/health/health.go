// Package health is the Caddy module that answers an orchestrator's probes.
package health

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/build"
	"github.com/caddy-payermax/caddy-payermax/internal/farewell"
	"github.com/caddy-payermax/caddy-payermax/internal/gateways"
	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler answers the probes of an orchestrator, on a listener of its own:
//
//   - `/livez`: the process is running.
//   - `/readyz` and `/startupz`: the keys are loaded, the signing keys have signed a
//     test, and the server is not shutting down. They do not check whether PayerMax can
//     be reached, since a restart of the sidecar would not help.
//
// The answer is `200` or `503` with a short JSON document:
//
//   - the status and, if it is not `ok`, the reason. It is `degraded`, and still `200`,
//     if a newer key was refused and the last good one is still in use;
//   - which key is in use, and since when, and which next key is loaded;
//   - how far the gateway's clock is ahead of this machine's, and when the gateway last
//     accepted a call, once there was one;
//   - whether the shared store can be reached. This changes no status,
//     since it would take all replicas out of service at once;
//   - `"sandbox": true` if a sandbox answers in PayerMax's place;
//   - the module's version and commit.
//
// Nothing in it is secret. Methods other than `GET` and `HEAD` get `405`. Other paths
// go to the next handler, or get `404` if no handler answers, instead of Caddy's empty
// `200`.
type Handler struct {
	// The paths of PEM files with the certificates that this process serves or trusts,
	// as `tls` and `trust_pool` of a site name them. The metric
	// `caddy_payermax_certificate_expiration_timestamp_seconds` shows when the first
	// certificate in each file expires. The files are read when the config is loaded,
	// as `tls` reads them, so the metric is about the certificates in use, even if a
	// file has been replaced since. Placeholders are expanded when the config is
	// loaded. Default: none.
	Certificates []string `json:"certificates,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.payermax_health",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision looks up when the certificates expire.
func (h *Handler) Provision(ctx caddy.Context) error {
	repl := caddy.NewReplacer()
	byPath := make(map[string]time.Time, len(h.Certificates))
	for _, configured := range h.Certificates {
		path, err := setting.Replace(repl, configured, true, true)
		if err != nil {
			return fmt.Errorf("certificates: %w", err)
		}
		if byPath[path], err = firstExpiry(path); err != nil {
			return fmt.Errorf("certificates: %w", err)
		}
	}
	if err := prom.Register(ctx); err != nil {
		return err
	}
	inUse.use(h, byPath)
	return nil
}

// Cleanup forgets the certificates.
func (h *Handler) Cleanup() error {
	inUse.release(h)
	return nil
}

// answer is the body of an answer.
type answer struct {
	// Status is ok, degraded, shutting_down or no_key.
	Status string      `json:"status"`
	Keys   []keyHealth `json:"keys,omitempty"`
	// Sandbox says that a sandbox answers in PayerMax's place.
	Sandbox bool `json:"sandbox,omitempty"`
	// ClockSkew is how far the gateway's clock is ahead of ours, in seconds; with several
	// gateways, the largest difference.
	ClockSkew *float64 `json:"clock_skew_seconds,omitempty"`
	// Store is about the shared store, if there is one; with several, the one in the worst
	// state.
	Store *storeHealth `json:"store,omitempty"`
	// LastSuccess is when the gateway, or any of several, last answered APPLY_SUCCESS.
	LastSuccess *time.Time `json:"gateway_last_success,omitempty"`
	// Version and Commit are those of this module in the binary, or unknown. Only the answer
	// of /livez omits them.
	Version string `json:"version,omitempty"`
	Commit  string `json:"commit,omitempty"`
}

// storeHealth is about a store that replicas share.
type storeHealth struct {
	Module    string    `json:"module"`
	Reachable bool      `json:"reachable"`
	Since     time.Time `json:"since"`
	// Problem is why the store cannot be reached.
	Problem string `json:"problem,omitempty"`
}

// keyHealth is about a key of one handler.
type keyHealth struct {
	// Source is where a signing key comes from, or gateway_public_key for a key that verifies
	// notifications.
	Source      string    `json:"source"`
	Fingerprint string    `json:"fingerprint"`
	Loaded      time.Time `json:"loaded"`
	Age         int64     `json:"age_seconds"` // since it was loaded
	// NextFingerprint is the fingerprint of the next key or, once PayerMax has switched, of
	// the previous one.
	NextFingerprint string `json:"next_fingerprint,omitempty"`
	// Refused is why a newer key is not in use.
	Refused string `json:"refused,omitempty"`
}

func newKeyHealth(id keys.Identity, current keys.Generation, refused string) keyHealth {
	return keyHealth{
		Source:          id.Source,
		Fingerprint:     id.Fingerprint,
		Loaded:          current.Loaded.UTC().Truncate(time.Millisecond),
		Age:             int64(time.Since(current.Loaded).Seconds()),
		NextFingerprint: current.Next.Fingerprint,
		Refused:         refused,
	}
}

// ServeHTTP answers a probe.
func (*Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	w = farewell.Announce(w, r)
	var said answer
	switch r.URL.Path {
	case "/livez":
		said.Status = "ok"
	case "/readyz", "/startupz":
		said = readiness(farewell.IsShuttingDown(r))
	default:
		return reply.OrNotFound(w, r, next)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		methodNotAllowed().Answer().Send(w)
		return nil
	}

	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if said.Status != "ok" && said.Status != "degraded" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	return json.NewEncoder(w).Encode(said)
}

// methodNotAllowed refuses a probe whose method is neither GET nor HEAD.
func methodNotAllowed() *reply.Refusal {
	f := reply.ClientError(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "probes are GET requests; send GET")
	f.Header = http.Header{"Allow": {"GET, HEAD"}}
	return f
}

// readiness returns the answer of /readyz and /startupz, from the keys in use.
func readiness(shuttingDown bool) answer {
	own := build.Current()
	said := answer{Status: "ok", Version: own.Version, Commit: own.Commit}
	for _, ring := range keys.InUse() {
		current, refused := ring.Current(), ring.Refused()
		if refused != "" {
			said.Status = "degraded"
		}
		for _, id := range current.Identities() {
			said.Keys = append(said.Keys, newKeyHealth(id, current, refused))
		}
	}
	slices.SortFunc(said.Keys, func(a, b keyHealth) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	said.Sandbox = gateways.HasSandbox()
	if skew, ok := gateways.ClockSkew(); ok {
		seconds := skew.Round(time.Millisecond).Seconds()
		said.ClockSkew = &seconds
	}
	if at, ok := gateways.LastSuccess(); ok {
		success := at.UTC().Truncate(time.Millisecond)
		said.LastSuccess = &success
	}
	if store, ok := stores.Worst(); ok {
		said.Store = &storeHealth{store.Name, store.Reachable, store.Since.UTC().Truncate(time.Millisecond), store.Problem}
	}
	switch {
	case shuttingDown:
		said.Status = "shutting_down"
	case len(said.Keys) == 0:
		said.Status = "no_key"
	}
	return said
}

// Interface guards
var (
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
)
