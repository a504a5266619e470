// Package payermax is a Caddy module that keeps PayerMax's signing key out of
// application code: the application posts business data to localhost, and the
// module turns it into a signed PayerMax call.
package payermax

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/caddy-payermax/caddy-payermax/internal/adminendpoint"
	"github.com/caddy-payermax/caddy-payermax/internal/build"
	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/farewell"
	"github.com/caddy-payermax/caddy-payermax/internal/gate"
	"github.com/caddy-payermax/caddy-payermax/internal/gateways"
	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/sandbox"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

const (
	defaultMaxBodySize = 64 << 10
	defaultTimeout     = 30 * time.Second
	defaultMaxWait     = time.Second
)

// Handler turns an application's request into a signed PayerMax call. It fills in
// `version`, `keyVersion`, `appId` and `requestTime`, validates the `data` block,
// computes the `sign` header with a mounted key, and hands the call to the next
// handler, normally a `reverse_proxy` to PayerMax with `transport payermax`. It checks
// the answer's signature before the application sees the answer.
//
// It serves a `POST` of JSON to the path of an enabled endpoint, such as
// `/aggregate-pay/api/gateway/applyDropinSession`, and refuses anything else. A request
// that cannot be validated, filled and signed is not sent. The sidecar answers it in
// PayerMax's own JSON shape, and adds a `Proxy-Status` header (RFC 9209) that
// distinguishes its answers from PayerMax's. Every answer has a `Payermax-Request-Id`
// header; the call's log line has the same ID.
//
// It sets these placeholders, which the handlers around it and the logs can use. The
// access log also has the endpoint and the outcome as fields:
//
// Placeholder | Description
// ------------|------------
// `{payermax.endpoint}` | The endpoint's name, such as `applyDropinSession`; empty if the request was not for an enabled endpoint
// `{payermax.may_retry}` | For `lb_retry_match`: whether the call may be sent again after a failed attempt, because nothing was written or because it is safe to repeat
// `{payermax.outcome}` | `answered`; `unsigned` (a refusal without PayerMax's signature, which the sidecar has rewritten); `refused` (by the sidecar, nothing was sent); `not_sent` (the gateway could not be reached); `unknown` (sent, but PayerMax's answer did not arrive); `unverified` (withheld: the sidecar cannot verify that it is PayerMax's answer to this call)
type Handler struct {
	// The merchant to call PayerMax for, if there is only one.
	Merchant

	// The merchants to choose from, if there are several. `gateway_public_keys`,
	// `key_version`, `sp_merchant_no` and `merchant_auth_token` may be set once for all
	// of them.
	Merchants []MerchantChoice `json:"merchants,omitempty"`

	// The endpoints whose requests are signed: their names, or `drop_in` for the
	// endpoints of a Drop-In payment (applyDropinSession, orderAndPay, orderQuery,
	// refund, refundQuery, capture, cancel), or `all`. Requests to all others are
	// refused, to limit what an attacker in the application can get signed. Default:
	// `applyDropinSession` alone.
	Endpoints []string `json:"endpoints,omitempty"`

	// The API version to declare, by endpoint. Each endpoint has a default; for
	// applyDropinSession, it is `1.5`. Any version can be declared. If a version has no
	// rules, requests are validated by the rules of the nearest version, and the log says
	// so when the config is loaded. Placeholders are expanded when the config is loaded.
	Versions map[string]string `json:"versions,omitempty"`

	// What happens to a request whose `data` breaks a rule of PayerMax's field tables:
	// `strict` refuses it; `warn` signs it, and logs and counts what `strict` would have
	// refused; `off` does not check. Default: `strict`. A request that is not strict
	// JSON, or that contradicts the configuration, is always refused.
	Validation string `json:"validation,omitempty"`

	// What the merchant's contract with PayerMax covers. A request that goes beyond it
	// breaks a rule like any other. Default: anything.
	Contract *Contract `json:"contract,omitempty"`

	// The limits on what is signed. Default: none.
	Limits *limits.Limits `json:"limits,omitempty"`

	// Where the counts of `limits` are kept. With `memory`, each process counts for
	// itself: a restart resets budgets and rates, and a config reload resets rates.
	// With a store that replicas share, they count together. Default: the store of
	// `payermax_store`, if the config has it, or else `memory`.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=payermax.stores inline_key=module"`

	// Whether the application still signs, and the sidecar only compares: it sends the
	// application's request to PayerMax unchanged, and logs and counts whether it would
	// have made the same signature. This is for the time before the application gives
	// up its key. Default: false.
	Shadow bool `json:"shadow,omitempty"`

	// Whether `requestTime` follows the gateway's clock, which the `Date` header of its
	// answers shows, instead of this machine's. Withheld answers do not count, and with
	// `gateway_public_key`, neither do unsigned refusals: otherwise, anyone who can forge
	// them could get calls signed for another time. Default: false.
	//
	// PayerMax refuses every call if the clock is two minutes off. If the clock is
	// already that far off at the start, or jumps that far, this option helps only if
	// PayerMax signs these refusals. It does not document whether it does.
	FollowGatewayClock bool `json:"follow_gateway_clock,omitempty"`

	// Whether a call that PayerMax may have received is sent once more, to the other
	// gateway, if its answer does not arrive or breaks off. This applies only to
	// endpoints that are safe to repeat, such as applyDropinSession and the queries.
	// Other calls are sent again only if nothing of them was written. Default: false.
	RetryRepeatable bool `json:"retry_repeatable,omitempty"`

	// Whether every answer has the HTTP status 200, the only one that PayerMax documents.
	// This is for clients that ignore answers with any other status. The result of the
	// call is then only in `code` and in `Proxy-Status`; the log and the metrics have the
	// real status. Default: false.
	Status200 bool `json:"status_200,omitempty"`

	// The largest accepted request body, in bytes. A request takes up to three times as
	// much memory as its body, or about twenty times if it consists of very small
	// members. Default: 65536 (64 KiB).
	MaxBodySize int64 `json:"max_body_size,omitempty"`

	// How many requests may be in flight in the whole process, from before their bodies
	// are read until they are answered. Further requests get `503` and `Retry-After`
	// before their bodies are read, and nothing is sent for them. Set it if you raise
	// `max_body_size`. Default: as many as fit into the memory limit (`GOMEMLIMIT`, or
	// 90 % of the cgroup's limit), with 60 MiB for the process and 0.2 MiB for each
	// request; at least 20, at most 10000.
	MaxInFlight int `json:"max_in_flight,omitempty"`

	// How long a request may wait for its signature when there are more requests than the
	// CPUs can sign. A request that has waited this long, or would have to, gets `503`
	// and `Retry-After`, and nothing is sent for it. Keys in an HSM or a remote service
	// have their own limits. Default: `1s`.
	MaxWait caddy.Duration `json:"max_wait,omitempty"`

	// How long a call may take in all, from the arrival of the application's request to
	// the last byte of PayerMax's answer. This includes reading the body and waiting for
	// the signature. If the time runs out before the call is sent, nothing is sent.
	// Default: `30s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Whether the embedded sandbox answers instead of the next handler, so that
	// everything works without an account, a key or a network. No call reaches
	// PayerMax. Missing keys are generated, and a missing `app_id` is taken from
	// PayerMax's documentation. Default: false.
	Sandbox bool `json:"sandbox,omitempty"`

	// Whether a merchant's credentials are allowed with the embedded sandbox: `app_id`,
	// `merchant_no`, `sp_merchant_no`, `merchant_auth_token` or keys. Without this option
	// they are refused, since somebody could mistake the sandbox for PayerMax. Default:
	// false.
	SandboxWithCredentials bool `json:"sandbox_with_credentials,omitempty"`

	merchants merchants
	routes    map[string]route
	store     stores.Store
	limits    *limits.Enforced
	gate      *gate.Gate
	sandbox   *sandbox.Gateway
	judge     *verdict.Judge
	gateway   *gateways.Gateway
	logger    *zap.Logger

	// explanations limits how often shadow mode explains why a signature differs.
	explanations *rate.Limiter
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.payermax",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets the defaults, expands the placeholders and loads the keys.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	_, places := layout.Places(ctx, layout.Sign, h) // must precede provisioning, which changes the config
	if err := h.checkIsFollowed(places); err != nil {
		return err
	}
	if err := h.checkSignsOnce(places); err != nil {
		return err
	}
	if err := h.checkLeadsElsewhere(places); err != nil {
		return err
	}
	if err := h.checkIsPrivate(places); err != nil {
		return err
	}
	h.gateway = h.knownGateway(places)
	h.explanations = rate.NewLimiter(rate.Every(explanationInterval), 1)
	h.judge = verdict.NewJudge()
	if h.MaxBodySize == 0 {
		h.MaxBodySize = defaultMaxBodySize
	}
	if h.Timeout == 0 {
		h.Timeout = caddy.Duration(defaultTimeout)
	}
	if h.MaxInFlight == 0 {
		h.MaxInFlight = inflight.DefaultBound()
	}
	if h.MaxWait == 0 {
		h.MaxWait = caddy.Duration(defaultMaxWait)
	}
	if h.Validation == "" {
		h.Validation = validationStrict
	}
	h.gate = gate.Process()

	var err error
	if h.routes, err = h.enabledRoutes(); err != nil {
		return err
	}
	h.warnOfMisplacements(places)
	h.warnOfSlips(places)
	if h.store, err = stores.Load(ctx, h, "StoreRaw", h.StoreRaw); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if h.Sandbox {
		err = h.openSandbox(ctx)
	} else {
		err = h.openMerchants(ctx, nil)
	}
	if err != nil {
		return err
	}
	h.warnOfExamples(places)
	if h.limits, err = h.Limits.Open(h.place()); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	if err := prom.Register(ctx); err != nil {
		return err
	}
	h.endWithServer(ctx)
	inflight.Process.SetBound(h, h.MaxInFlight)
	h.gateway.Use()
	adminendpoint.Warn(ctx, h.logger)
	build.Announce(h.logger)
	processMetrics.announce(h.routes)
	h.tellNearestRules()
	for _, m := range h.merchants.all() {
		h.use(ctx, m)
	}
	return nil
}

// use starts watching the merchant's keys for changes, and logs which keys are in use.
func (h *Handler) use(ctx context.Context, m *merchant) {
	if !h.Sandbox {
		go m.keyring.Watch(ctx)
	}
	m.keyring.Use()

	loaded := m.keyring.Current()
	if len(loaded.Gateway) == 0 {
		h.logger.Warn("gateway_public_key is not configured: answers are passed on without checking PayerMax's signature")
	} else if own := m.keyring.OwnForGateways(); own != "" {
		h.logger.Warn(own)
	}
	if loaded.HasSameNext() {
		h.logger.Warn("next_private_key is the same key as private_key, so there is no key to change to; name the new key, or remove the option",
			zap.String("fingerprint", loaded.Next.Fingerprint))
	}
	h.logger.Info("keys loaded", zap.String("app_id", m.identity.AppID),
		zap.String("source", loaded.Signing.Source), zap.String("fingerprint", loaded.Signing.Fingerprint),
		zap.String("engine", loaded.Signing.Engine()))
}

// Cleanup removes the handler from the metrics, and closes the limits and the sandbox. The keys
// stay loaded, because requests that began earlier still sign with them.
func (h *Handler) Cleanup() error {
	inflight.Process.RemoveBound(h)
	h.limits.Close()
	for _, m := range h.merchants.all() {
		m.keyring.Release()
	}
	h.gateway.Release()
	return h.sandbox.Stop()
}

// Validate checks the settings that can be checked without reading a file.
func (h *Handler) Validate() error {
	switch {
	case h.MaxInFlight < 0:
		return fmt.Errorf("max_in_flight must be positive, but is %d", h.MaxInFlight)
	case !slices.Contains(validations, h.Validation):
		return fmt.Errorf("validation must be strict, warn or off, but is %q%s", h.Validation, grammar.Unexpanded(h.Validation))
	case h.SandboxWithCredentials && !h.Sandbox:
		return errors.New("sandbox_with_credentials has no meaning without sandbox; remove it, or set sandbox as well")
	case h.StoreRaw != nil && h.Limits == nil:
		return errors.New("store has no meaning without limits, which it counts; remove it, or set limits as well")
	case h.Shadow && h.Limits != nil:
		return errors.New("limits cannot be enforced in shadow mode, where the application signs; remove limits or shadow")
	}
	return handlerOptions.Check(h)
}

// ServeHTTP answers the application's request with the gateway's answer, or with the
// reason why there is none. It always returns nil: the body of a refusal is part of the
// contract with the application, so no error may reach the server's error routes.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	w = farewell.Announce(w, r)
	if h.sandbox != nil && sandbox.IsControl(r.URL.Path) {
		h.sandbox.ServeHTTP(w, r)
		return nil
	}
	c := h.newCall(r)
	defer c.leave()
	ctx, end := c.within(r.Context(), time.Duration(h.Timeout))
	defer end()
	r = r.WithContext(ctx)

	answer, err := h.perform(c, w, r, next)
	refused := reply.AsRefusal(err)
	if refused != nil {
		answer = refused.Answer()
		if c.bodyRead.IsZero() && r.ContentLength != 0 {
			// Otherwise, the server would wait for the rest of the body before it sends
			// this answer.
			answer.Header().Set("Connection", "close")
		}
	}
	if c.sandbox || c.exchange.fromSandbox {
		markSandbox(answer.Header())
	}
	answer.Header().Set(reply.RequestIDHeader, c.id)
	// The call is logged before the answer is written: an application that reads the
	// answer slowly, or never, must not delay the log line of a call that was made.
	h.record(r, c, answer, refused)
	if h.Status200 {
		answer.Status = http.StatusOK
	}
	answer.Send(w)
	if context.Cause(ctx) == delivery.ErrProcessEnds {
		_ = http.NewResponseController(w).Flush() // before the process exits
	}
	return nil
}

// perform takes one request through all its steps. It matches the request to a route,
// admits it, reads its body, understands it (which includes validation) and reserves what
// it needs of the limits. Then it fills in, signs and sends the request, checks the
// gateway's answer, and settles the reservation according to the outcome. Each step notes
// its results in the call, from which the log line is written.
func (h *Handler) perform(c *call, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (*reply.Answer, error) {
	var err error
	if c.route, err = h.match(r); err != nil {
		return nil, err
	}
	caller, err := h.limits.Admit(c.route.Name, replacer(r.Context()))
	if err != nil {
		return nil, err
	}
	if err := h.takePlace(c, w, r); err != nil {
		return nil, err
	}
	body, err := h.read(w, r)
	if err != nil {
		return nil, err
	}
	c.bodyRead = time.Now()
	if h.Shadow {
		return h.passOn(c, body, r, next)
	}
	if h.gate.IsFull(time.Duration(h.MaxWait)) {
		return nil, h.overloaded()
	}
	if c.request, err = h.understand(c, r, body); err != nil {
		return nil, err
	}
	reserved, err := h.limits.Reserve(r.Context(), c.limited(caller, body))
	if err != nil {
		return nil, err
	}
	c.budgeted = reserved.HasBudgets()
	answer, err := h.call(c, r, next)
	reserved.Settle(c.exchange.settlement(err))
	return answer, err
}

// call signs and sends the request, and checks the answer. If PayerMax seems to have
// switched to the next key, it tries once more with that key.
func (h *Handler) call(c *call, r *http.Request, next caddyhttp.Handler) (*reply.Answer, error) {
	var err error
	c.keys = c.request.merchant.keyring.Current()
	if c.exchange, err = h.askGateway(c, c.keys.Signing, c.bodyRead, r, next); err != nil {
		return nil, err
	}
	if c.hasSwitched() {
		c.exchange = h.tryNextKey(c, r, next)
	}
	return c.exchange.answer, nil
}

// askGateway signs the request with the key, sends it, and checks the answer. since is
// when the request began to wait for its signature.
func (h *Handler) askGateway(c *call, key keys.Key, since time.Time, r *http.Request, next caddyhttp.Handler) (exchange, error) {
	signed, err := h.sign(r.Context(), c, key, since)
	if err != nil {
		return exchange{Signed: signed}, err
	}
	again := func(ctx context.Context) (*delivery.Signed, error) { return h.sign(ctx, c, key, time.Now()) }
	d := delivery.New(c.route.Endpoint, h.RetryRepeatable, signed, again)
	if c.exchange.Signed != nil {
		d.Follow(c.exchange.bodies()...)
	}
	return h.exchange(c, d, r, next)
}

// exchange sends the signed request, and checks the answer.
func (h *Handler) exchange(c *call, d *delivery.Delivery, r *http.Request, next caddyhttp.Handler) (exchange, error) {
	answer, err := h.send(c, d, r, next)
	if err != nil {
		x := failedExchange(d, err)
		x.fromSandbox = h.noticeSandbox(c, answer.Header()) // the answer may have been cut off
		return x, err
	}
	return h.check(c, d, answer)
}

// replacer returns the replacer that holds the placeholders of a request.
func replacer(ctx context.Context) *caddy.Replacer {
	return ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
