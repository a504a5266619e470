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
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/sandbox"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

const (
	defaultMaxBodySize = 64 << 10
	defaultTimeout     = 30 * time.Second
	defaultKeyVersion  = "1"
)

// Handler turns an application's request into a signed PayerMax call. It fills
// in `version`, `keyVersion`, `appId` and `requestTime`, validates the `data`
// block, computes the `sign` header with a mounted key, and hands the call to
// the next handler, which is normally a `reverse_proxy` to PayerMax with
// `transport payermax`. The answer's own signature is checked before the
// application sees the answer.
//
// What is served is a `POST` of JSON to the path of an enabled endpoint, such as
// `/aggregate-pay/api/gateway/applyDropinSession`; anything else is refused. A
// request that cannot be validated, filled and signed never leaves: it is
// answered here, in PayerMax's own JSON shape, with a `Proxy-Status` header
// (RFC 9209) that tells the sidecar's answers from PayerMax's.
//
// These placeholders are set for handlers and logs further out, and the first
// two are fields of the access log as well:
//
// Placeholder | Description
// ------------|------------
// `{payermax.endpoint}` | The endpoint's name, such as `applyDropinSession`; empty if the request was for none
// `{payermax.outcome}` | `answered`; `refused` (by the sidecar, nothing was sent); `not_sent` (the gateway could not be reached); `unknown` (sent, but the answer did not arrive); `unverified` (the answer's signature is missing or wrong)
type Handler struct {
	// The merchant application that the key belongs to (`appId`), as PayerMax's
	// dashboard shows it. Required, unless the sandbox answers. Placeholders are
	// expanded when the config is loaded.
	AppID string `json:"app_id,omitempty"`

	// The merchant number (`merchantNo`). If there is none, the application's
	// own is sent, if it sends one. Placeholders are expanded when the config is
	// loaded.
	MerchantNo string `json:"merchant_no,omitempty"`

	// The service provider's merchant number (`spMerchantNo`), for providers
	// who call on behalf of other merchants. Placeholders are expanded when the
	// config is loaded.
	SPMerchantNo string `json:"sp_merchant_no,omitempty"`

	// Where the key lives that signs: a module of the namespace payermax.keys,
	// which implements [KeySource]. `file` is part of this module. Required,
	// unless the sandbox answers.
	KeyRaw json.RawMessage `json:"key,omitempty" caddy:"namespace=payermax.keys inline_key=source"`

	// The key to change over to. PayerMax makes a newly uploaded public key
	// valid at once and the old one invalid; with the new private key here, the
	// sidecar follows: when the gateway answers `SIGN_VERIFY_FAILED` to a
	// request that is safe to repeat, it is sent once more, signed with this key,
	// and if that is accepted, this key takes the place of the other until the
	// config or the keys change. Optional.
	NextKeyRaw json.RawMessage `json:"next_key,omitempty" caddy:"namespace=payermax.keys inline_key=source"`

	// The path of the file with the public key that was uploaded to PayerMax, in
	// the forms of GatewayPublicKeys. If it is set, a private key that does not
	// fit is an error, and one that appears later is not taken. Placeholders are
	// expanded when the config is loaded.
	MerchantPublicKey string `json:"merchant_public_key,omitempty"`

	// The paths of the files with the public keys that PayerMax may sign its
	// answers with: PEM, or the one-line base64 that the dashboard shows. Without
	// any, answers are passed on unchecked. Placeholders are expanded when the
	// config is loaded.
	GatewayPublicKeys []string `json:"gateway_public_keys,omitempty"`

	// The endpoints that are signed: their names, or `drop_in` for those of a
	// Drop-In payment (applyDropinSession, orderAndPay, orderQuery, refund,
	// refundQuery, capture, cancel), or `all`. Default: `applyDropinSession` alone.
	// Others are refused, for whoever takes over the application should not be
	// able to have anything signed.
	Endpoints []string `json:"endpoints,omitempty"`

	// The API version to declare, by endpoint. Each endpoint has a default;
	// that of applyDropinSession is `1.5`, and `1.6` is known as well.
	// Placeholders are expanded when the config is loaded.
	Versions map[string]string `json:"versions,omitempty"`

	// The version of the signature algorithm (`keyVersion`). Default: `1`, the
	// only one that PayerMax documents. Placeholders are expanded whenever the
	// keys are loaded, so `{file.*}` can name a file that changes with them.
	KeyVersion string `json:"key_version,omitempty"`

	// The largest request body that is accepted, in bytes.
	// Default: 65536 (64 KiB).
	MaxBodySize int64 `json:"max_body_size,omitempty"`

	// How long the exchange with the gateway may take, from connecting to the
	// last byte of the answer. Default: `30s`.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Whether the embedded sandbox answers instead of the next handler, so that
	// everything works without an account, a key or a network. Keys that are not
	// configured are generated, and a missing `app_id` is that of PayerMax's
	// documentation.
	Sandbox bool `json:"sandbox,omitempty"`

	keyring *keyring
	routes  map[string]route
	sandbox *sandbox.Gateway
	logger  *zap.Logger
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
	if h.MaxBodySize == 0 {
		h.MaxBodySize = defaultMaxBodySize
	}
	if h.Timeout == 0 {
		h.Timeout = caddy.Duration(defaultTimeout)
	}

	settings, err := h.expand(caddy.NewReplacer())
	if err != nil {
		return err
	}
	if h.routes, err = h.enabledRoutes(settings); err != nil {
		return err
	}
	if h.keyring, err = h.openKeyring(ctx, settings); err != nil {
		return err
	}
	if h.Sandbox {
		if err := h.openSandbox(settings); err != nil {
			return fmt.Errorf("opening the sandbox: %w", err)
		}
	} else {
		go h.keyring.watch(ctx)
	}
	if err := processMetrics.register(ctx); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	processMetrics.keys.add(h.keyring)

	loaded := h.keyring.current.Load()
	if len(loaded.gateway) == 0 {
		h.logger.Warn("gateway_public_key is not configured: answers are passed on without checking that PayerMax signed them")
	}
	h.logger.Info("keys loaded",
		zap.String("source", loaded.signing.source), zap.String("fingerprint", loaded.signing.fingerprint))
	return nil
}

// Cleanup takes the keys out of the metrics. They stay where they are, since
// requests that began before still sign with them.
func (h *Handler) Cleanup() error {
	processMetrics.keys.remove(h.keyring)
	return closeSandbox(h.sandbox)
}

// Validate checks the settings that need no file.
func (h *Handler) Validate() error {
	if h.MaxBodySize < 0 {
		return fmt.Errorf("max_body_size must be positive, but is %d", h.MaxBodySize)
	}
	if h.Timeout < 0 {
		return fmt.Errorf("timeout must be positive, but is %v", time.Duration(h.Timeout))
	}
	return nil
}

// ServeHTTP gives the application the gateway's answer to its request, or the
// reason why there is none. Either way the request ends here: the answer is
// part of the contract with the application, so no error is left to the
// server's error routes.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.sandbox != nil && strings.HasPrefix(r.URL.Path, sandboxPath) {
		h.sandbox.ServeHTTP(w, r)
		return nil
	}
	c := &call{received: time.Now()}
	answer, err := h.perform(c, w, r, next)

	var refused *refusal
	if errors.As(err, &refused) {
		answer = refused.answer()
		if !c.bodyRead && r.ContentLength != 0 {
			// Or the server would wait for the body before it sends this answer.
			answer.header.Set("Connection", "close")
		}
	}
	answer.write(w)
	h.record(r, c, answer, refused)
	return nil
}

// perform is the story of one request.
func (h *Handler) perform(c *call, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (*answer, error) {
	var err error
	if c.route, err = h.match(r); err != nil {
		return nil, err
	}
	body, err := h.read(w, r)
	if err != nil {
		return nil, err
	}
	c.bodyRead = true
	request, err := c.route.understand(body)
	if err != nil {
		return nil, err
	}
	c.keys = h.keyring.current.Load()
	answer, err := h.exchange(c, &c.keys.signing, request, r, next)
	if err == nil && h.hasSwitched(c, answer) {
		return h.tryNextKey(c, answer, request, r, next), nil
	}
	return answer, err
}

// exchange signs the request with the key, sends it and returns the answer if
// it can be trusted.
func (h *Handler) exchange(c *call, key *signingKey, request *envelope.Envelope, r *http.Request, next caddyhttp.Handler) (*answer, error) {
	if err := h.sign(r.Context(), c, key, request); err != nil {
		return nil, err
	}
	answer, err := h.send(c, r, next)
	if err != nil {
		return nil, err
	}
	return answer, h.check(c, answer)
}

// sign fills the envelope and signs exactly the bytes that will be sent.
// requestTime is stamped here, as late as possible: PayerMax accepts it for two
// minutes.
func (h *Handler) sign(ctx context.Context, c *call, key *signingKey, request *envelope.Envelope) error {
	identity := c.route.identity
	identity.KeyVersion = c.keys.keyVersion
	c.body = request.Fill(identity, time.Now())

	began := time.Now()
	signature, err := signer.Sign(ctx, key.Signer, c.body)
	processMetrics.signing.WithLabelValues(key.source).Observe(time.Since(began).Seconds())
	if err != nil {
		return signingFailed(err)
	}
	c.signature = signature
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
