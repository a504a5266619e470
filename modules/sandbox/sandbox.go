// Package sandbox is the Caddy module that serves the sandbox as a site.
package sandbox

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/build"
	"github.com/caddy-payermax/caddy-payermax/internal/gateways"
	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	box "github.com/caddy-payermax/caddy-payermax/sandbox"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

// Handler is a simulated PayerMax gateway, for demonstrations and tests. It checks
// requests as PayerMax documents it, including signatures, and signs its answers and
// notifications. It knows the Drop-In flow from the session to the refund, with
// authorisation and capture. It makes no payments.
//
// All its answers have the header `Server: payermax-sandbox`, by which a sidecar
// recognises it. The page `/sandbox/` shows what has happened, and tests find their
// controls below that path. Its state is in memory, and starts from scratch when the
// config is loaded.
type Handler struct {
	// The merchants whose calls are accepted. At least one is required.
	Merchants []Merchant `json:"merchants,omitempty"`

	// The path of the file with the RSA private key that signs the answers, in any form
	// that `payermax` accepts. By default a key is generated each time the config is
	// loaded, and its public half is logged. Placeholders are expanded when the config
	// is loaded.
	PrivateKey string `json:"private_key,omitempty"`

	// How much faster time passes for repeated notifications and for pending payments,
	// captures and refunds. With 1000, half a minute takes 30 milliseconds. Default: 1.
	TimeScale float64 `json:"time_scale,omitempty"`

	// The hosts, besides this machine, to which notifications may be sent. Default:
	// none.
	NotifyHosts []string `json:"notify_hosts,omitempty"`

	// Whether to refuse requests that PayerMax's pages do not allow but its own SDKs,
	// plugins and examples send. Without it, they are served, and shown as deviations
	// of the call. Default: false.
	Strict bool `json:"strict,omitempty"`

	// Whether to switch off the page and the control API under `/sandbox/`. Default:
	// false.
	NoControl bool `json:"no_control,omitempty"`

	gateway *box.Gateway
	// self is this site's entry among the gateways, which says that it is a sandbox.
	self *gateways.Gateway
}

// Merchant is a merchant application that the sandbox knows, with the data that
// PayerMax's dashboard would have. Placeholders in its values are expanded when the
// config is loaded.
type Merchant struct {
	// The ID of the application. Required.
	AppID string `json:"app_id,omitempty"`

	// The merchant number. If it is set, calls for another merchant are refused.
	MerchantNo string `json:"merchant_no,omitempty"`

	// The service provider's merchant number. If it is set, calls must name it, and may
	// be for any merchant.
	SPMerchantNo string `json:"sp_merchant_no,omitempty"`

	// The token that calls must have in the header `merchant_auth_token`. It must be a
	// placeholder, such as `{file./run/secrets/token}`. Caddy drops header fields with
	// underscores unless the global option `servers { expected_underscore_headers
	// merchant_auth_token }` names them.
	MerchantAuthToken string `json:"merchant_auth_token,omitempty"`

	// The path of the file with the merchant's public key, in PEM or as one line of
	// base64. Required.
	PublicKey string `json:"public_key,omitempty"`

	// The URL to which a notification of the type `TOKENIZATION` is sent when a card is
	// saved or removed. Without it, none is sent. Default: none.
	TokenNotifyURL string `json:"token_notify_url,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.payermax_sandbox",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision loads the keys and registers the merchants.
func (s *Handler) Provision(ctx caddy.Context) error {
	repl := caddy.NewReplacer()
	key, err := s.loadKey(repl, ctx.Logger())
	if err != nil {
		return err
	}
	merchants := make([]box.Merchant, len(s.Merchants))
	for i, m := range s.Merchants {
		if merchants[i], err = m.load(repl); err != nil {
			return fmt.Errorf("merchant %d: %w", i+1, err)
		}
	}
	gateway, err := box.New(key, merchants...)
	if err != nil {
		return err
	}
	gateway.TimeScale = s.TimeScale
	gateway.Strict = s.Strict
	gateway.NoControl = s.NoControl
	if len(s.NotifyHosts) > 0 {
		gateway.AllowNotify = func(u *url.URL) bool {
			return protocol.IsLoopback(u.Hostname()) || slices.Contains(s.NotifyHosts, u.Hostname())
		}
	}
	if err := prom.Register(ctx); err != nil {
		return err
	}
	s.gateway, s.self = gateway, gateways.New("")
	s.self.NoteSandbox()
	s.self.Use()
	build.Announce(ctx.Logger())
	ctx.Logger().Warn("a sandbox answers at this site: no call to it reaches PayerMax")
	return nil
}

// Cleanup ends the deliveries that the sandbox still has to make.
func (s *Handler) Cleanup() error {
	s.self.Release()
	return s.gateway.Stop()
}

// Validate checks that there is a merchant to accept calls from.
func (s *Handler) Validate() error {
	switch {
	case len(s.Merchants) == 0:
		return errors.New("merchant: required; without one, the sandbox accepts no call")
	case s.TimeScale < 0:
		return fmt.Errorf("time_scale must be positive, but is %v", s.TimeScale)
	}
	return nil
}

// ServeHTTP answers as PayerMax's gateway would.
func (s *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	s.gateway.ServeHTTP(w, r)
	return nil
}

// loadKey reads the key that signs the answers, or generates it.
func (s *Handler) loadKey(repl *caddy.Replacer, logger *zap.Logger) (*rsa.PrivateKey, error) {
	if s.PrivateKey != "" {
		path, err := setting.Replace(repl, s.PrivateKey, true, true)
		if err == nil {
			err = setting.CheckPath(path)
		}
		if err != nil {
			return nil, fmt.Errorf("private_key: %w", err)
		}
		key, err := signer.ReadPrivateKeyFile(path)
		if err != nil {
			return nil, fmt.Errorf("private_key: %w", err)
		}
		return key, nil
	}
	key, err := box.GenerateKey()
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("encoding the generated public key: %w", err)
	}
	logger.Info("sandbox key generated", zap.String("gateway_public_key", base64.StdEncoding.EncodeToString(public)))
	return key, nil
}

// load expands the merchant's placeholders and reads its public key.
func (m Merchant) load(repl *caddy.Replacer) (box.Merchant, error) {
	var loaded box.Merchant
	if m.MerchantAuthToken != "" {
		if err := grammar.CheckPlaceholder(m.MerchantAuthToken); err != nil {
			return loaded, fmt.Errorf("merchant_auth_token: %w", err)
		}
	}
	var publicKey string
	for _, option := range []struct {
		name, value string
		target      *string
		check       func(value, configured string) error
	}{
		{"app_id", m.AppID, &loaded.AppID, setting.CheckIdentity},
		{"merchant_no", m.MerchantNo, &loaded.MerchantNo, setting.CheckIdentity},
		{"sp_merchant_no", m.SPMerchantNo, &loaded.SPMerchantNo, setting.CheckIdentity},
		{"merchant_auth_token", m.MerchantAuthToken, &loaded.MerchantAuthToken, checkToken},
		{"public_key", m.PublicKey, &publicKey, checkPath},
		{"token_notify_url", m.TokenNotifyURL, &loaded.TokenNotifyURL, checkURL},
	} {
		var err error
		if *option.target, err = setting.Replace(repl, option.value, true, true); err == nil && *option.target != "" {
			err = option.check(*option.target, option.value)
		}
		if err != nil {
			return loaded, fmt.Errorf("%s: %w", option.name, err)
		}
	}
	if publicKey == "" {
		return loaded, errors.New("public_key: required; set it to the path of the file with the merchant's public key")
	}
	var err error
	if loaded.PublicKey, err = signer.ReadPublicKeyFile(publicKey); err != nil {
		return loaded, fmt.Errorf("public_key: %w", err)
	}
	return loaded, nil
}

// checkURL checks the URL to which notifications are sent.
func checkURL(text, _ string) error {
	if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("expected a URL that begins with http:// or https://, such as http://127.0.0.1:3000/payermax/cards")
	}
	return nil
}

// checkToken checks the text of a token's file, which may end in a newline.
func checkToken(token, configured string) error {
	return setting.CheckToken(strings.TrimSpace(token), configured)
}

func checkPath(path, _ string) error { return setting.CheckPath(path) }

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
