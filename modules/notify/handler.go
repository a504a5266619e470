// Package notify provides the Caddy modules that stand between PayerMax's notifications and
// the application: one verifies the notifications, the other keeps the proof of verification
// from being forged.
package notify

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/adminendpoint"
	"github.com/caddy-payermax/caddy-payermax/internal/build"
	"github.com/caddy-payermax/caddy-payermax/internal/confinement"
	"github.com/caddy-payermax/caddy-payermax/internal/embedded"
	"github.com/caddy-payermax/caddy-payermax/internal/farewell"
	"github.com/caddy-payermax/caddy-payermax/internal/gateways"
	"github.com/caddy-payermax/caddy-payermax/internal/inflight"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

func init() {
	caddy.RegisterModule(new(Handler))
}

const (
	// verifiedHeader tells the application that a notification was verified,
	// and by which of PayerMax's keys.
	verifiedHeader = "Payermax-Verified"
	// acknowledgement is the only answer that PayerMax accepts as a receipt (docs:
	// receipt/result-notifications/callback-notification).
	acknowledgement = `{"code":"SUCCESS","msg":"Success"}`

	// ackAfter is the value of Ack that makes the sidecar acknowledge.
	ackAfter = "after"

	defaultMaxNotificationSize = 256 << 10
)

// Handler verifies PayerMax's notifications before the application sees them. It stands
// in front of the application's callback route. A notification passes, byte for byte,
// if it is a `POST` whose `sign` header is PayerMax's signature over the raw body, and
// if it is for this site's merchant. It gets the header `Payermax-Verified` with the
// fingerprint of the key that verified it. Everything else is refused with a 4xx, which
// makes PayerMax deliver it again. A verified notification that no handler answers is
// refused as well.
//
// A notification is one JSON object with a `notifyType`, which may be any string but
// not empty: notifications of failed payments pass, too. PayerMax signs its answers
// with the same key, and `notifyType` is what distinguishes notifications from them.
// The callbacks that PayerMax calls rfiNotifyUrl and billPaymentValidationUrl have no
// `notifyType`, so they do not pass: give them another path, and let the application
// verify their signatures.
//
// The proof covers only the body. Content-Type is always `application/json`, whatever the
// notification itself says about its type and character set: the signature covers the bytes,
// and they are read as JSON in UTF-8. Of the other header fields, only Sign, User-Agent,
// Accept, Accept-Encoding, traceparent, tracestate, X-Forwarded-For, X-Forwarded-Proto and
// X-Forwarded-Host pass. The query string passes, since a notifyUrl may have one, but anyone
// who repeats a notification can change it. PayerMax's signature does not expire, so anyone
// who has captured a notification can repeat it: applications must be idempotent, with or
// without the guard against duplicates.
//
// On every path of the site, a client's own `Payermax-Verified` is removed for the
// handlers after this directive; `payermax_notify_guard` does so for those before it.
type Handler struct {
	// The paths of the files with PayerMax's public keys, each in PEM or as the one
	// line of base64 that the dashboard shows. They are read again when they change.
	// Required, unless `sandbox` is set. Placeholders are expanded when the config is
	// loaded.
	GatewayPublicKeys []string `json:"gateway_public_keys,omitempty"`

	// Whether to accept the notifications of the embedded sandbox (`gateway sandbox`)
	// of the same config instead of PayerMax's. The sandbox makes a new key each time
	// the config is loaded, so no file has it. It cannot be combined with
	// `gateway_public_key`. Default: false.
	Sandbox bool `json:"sandbox,omitempty"`

	// The `appId` of this site's merchant, or several. A notification must have one of
	// them, as `appId` or `merchantAppId`. Without this option and without
	// `merchant_no`, another merchant's notification passes if PayerMax signs for both
	// with one key. Default: any. Placeholders are expanded when the config is loaded.
	AppIDs []string `json:"app_ids,omitempty"`

	// The number of this site's merchant, or several. A notification that has a
	// `merchantNo` must have one of them. PayerMax leaves it out of some notifications,
	// which then pass by their `appId` alone. Default: any. Placeholders are expanded
	// when the config is loaded.
	MerchantNos []string `json:"merchant_nos,omitempty"`

	// The largest accepted notification, in bytes. Default: 262144 (256 KiB).
	MaxBodySize int64 `json:"max_body_size,omitempty"`

	// Who acknowledges the notification to PayerMax. By default the application's own
	// answer goes back. With `after`, the sidecar turns any 2xx of the application into
	// the exact acknowledgement that PayerMax expects, and anything else into an error.
	// PayerMax then delivers the notification again after 30 seconds, 5 minutes, 10
	// minutes, 1 hour and 12 hours. A 2xx whose body is a JSON object with a `code`
	// other than `SUCCESS`, or a `bizCode` other than `0000`, counts as an error: that is
	// how applications written for PayerMax refuse a notification. So does a body with
	// either that is not JSON, such as one behind a warning of PHP. Do not use `after` if
	// yours refuses with an empty 2xx, as PayerMax's plugin for WooCommerce does.
	Ack string `json:"ack,omitempty"`

	// For how long a notification that the application has accepted is acknowledged
	// without reaching the application again. While a notification is being delivered,
	// the same one gets `503`, which makes PayerMax deliver it again. If the sender
	// hangs up, the application has 20 more seconds to accept it. Default: 0, no guard.
	Duplicates caddy.Duration `json:"duplicates,omitempty"`

	// Where `duplicates` is kept. With `memory`, each process remembers the last 10000,
	// and forgets them at a restart or a config reload. With a store that replicas
	// share, all replicas with the same `app_id` and `merchant_no` remember together;
	// while it is down, notifications are delivered without the guard. Default: the
	// store of `payermax_store`, if the config has it, or else `memory`.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=payermax.stores inline_key=module"`

	keyring *keys.Ring
	// self is this site's entry among the gateways, which says whether a sandbox notifies it.
	self   *gateways.Gateway
	own    addressees
	guard  *duplicates // nil without duplicates
	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.payermax_notify",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets the defaults and loads the keys.
func (n *Handler) Provision(ctx caddy.Context) error {
	n.logger = ctx.Logger()
	found, places := layout.Places(ctx, layout.Notify, n)
	n.warnOfWaysPast(found, places)
	if err := checkChain(ctx, found, places); err != nil {
		return err
	}
	for _, place := range places {
		if back := place.LeadsBack(); back != "" {
			return fmt.Errorf("notifications would come back to this site, which is served at %s; name the application's address in the reverse_proxy behind payermax_notify", back)
		}
	}
	if n.MaxBodySize == 0 {
		n.MaxBodySize = defaultMaxNotificationSize
	}
	var err error
	if n.own, err = n.expandAddressees(caddy.NewReplacer()); err != nil {
		return err
	}
	if err := n.openKeys(ctx); err != nil {
		return err
	}
	if !n.Sandbox {
		n.own.warn(n.logger)
	}
	if err := n.openGuard(ctx); err != nil {
		return err
	}
	if err := prom.Register(ctx); err != nil {
		return err
	}
	Announce()
	n.keyring.Use()
	n.self = gateways.New("")
	if n.Sandbox {
		n.logger.Warn("payermax_notify verifies the notifications of the embedded sandbox: PayerMax's are refused")
		n.self.NoteSandbox()
	}
	n.self.Use()
	adminendpoint.Warn(ctx, n.logger)
	build.Announce(n.logger)
	go n.keyring.Watch(ctx)
	return nil
}

// openKeys loads PayerMax's public keys, or that of the embedded sandbox.
func (n *Handler) openKeys(ctx caddy.Context) error {
	switch {
	case n.Sandbox && len(n.GatewayPublicKeys) > 0:
		return errors.New("sandbox: the embedded sandbox has its own key; remove gateway_public_key, or for PayerMax's notifications remove sandbox")
	case n.Sandbox:
		key, err := embedded.VerifyingKey(ctx, embedded.Addressees{AppIDs: n.own.appIDs, MerchantNos: n.own.merchantNos})
		if err == nil {
			n.keyring, err = keys.Open(keys.Config{GatewayKeys: []*rsa.PublicKey{key}, Logger: n.logger})
		}
		return err
	case len(n.GatewayPublicKeys) == 0:
		return errors.New("gateway_public_key: required; set it to the path of the file with PayerMax's public key; " +
			"for the notifications of gateway sandbox in the same config, write sandbox instead")
	}
	paths, err := setting.ExpandAll("gateway_public_key", n.GatewayPublicKeys, 0, caddy.NewReplacer())
	if err != nil {
		return err
	}
	if err := embedded.NoteOtherKey(ctx); err != nil {
		return err
	}
	n.keyring, err = keys.Open(keys.Config{GatewayFiles: paths, Logger: n.logger})
	return confinement.Explain(err)
}

// openGuard prepares the guard against duplicates, if it is configured.
func (n *Handler) openGuard(ctx caddy.Context) error {
	if n.Duplicates <= 0 {
		if n.StoreRaw != nil {
			return errors.New("store: has no meaning without duplicates; set duplicates to the time for which notifications are remembered, such as 24h")
		}
		return nil
	}
	claims, err := stores.Load(ctx, n, "StoreRaw", n.StoreRaw)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	n.guard = &duplicates{claims, scopeOf(n.own), time.Duration(n.Duplicates), n.logger}
	return nil
}

// Cleanup releases the keys, which then disappear from the metrics.
func (n *Handler) Cleanup() error {
	n.keyring.Release()
	n.self.Release()
	return nil
}

// Validate checks the settings that can be checked without reading a file.
func (n *Handler) Validate() error {
	if n.Ack != "" && n.Ack != ackAfter {
		return fmt.Errorf("ack must be %q or left out, but is %q", ackAfter, n.Ack)
	}
	return Options.Check(n)
}

// ServeHTTP passes on notifications that are from PayerMax and for this site, and refuses all
// other requests.
func (n *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return unlogged(n.logger, farewell.Announce(w, r), r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return n.serve(w, r, next)
	}))
}

// serve is ServeHTTP, without the handling of errors.
func (n *Handler) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !inflight.Process.Enter(inflight.DefaultBound()) {
		n.turnAway(w, r)
		return nil
	}
	defer inflight.Process.Leave()
	memory := new(memory)
	defer memory.Release()
	body, verifiedBy, refused := n.understand(w, r, memory)
	if refused != nil {
		n.record(refused.result, len(body), refused.status, zap.String("cause", refused.msg))
		refused.write(w, r)
		return nil
	}
	r = verified(r, body, verifiedBy)

	if n.guard == nil {
		_, err := n.deliver(w, r, next, len(body), memory)
		return err
	}
	delivery := n.guard.begin(r.Context(), body)
	switch delivery.state {
	case stores.Done:
		n.record("duplicate", len(body), http.StatusOK)
		acknowledge(w)
		return nil
	case stores.UnderWay:
		n.record("concurrent", len(body), http.StatusServiceUnavailable)
		tryAgain(w, http.StatusServiceUnavailable)
		return nil
	}
	accepted := false
	defer func() { delivery.end(r.Context(), accepted) }()
	ctx, cancel := outlasting(asHeld(r.Context(), delivery.claim.Key))
	defer cancel()
	var err error
	accepted, err = n.deliver(w, r.WithContext(ctx), next, len(body), memory)
	return err
}

// understand returns the body of a notification and the key that verified its signature.
func (n *Handler) understand(w http.ResponseWriter, r *http.Request, memory *memory) ([]byte, *rsa.PublicKey, *refusal) {
	body, refused := n.read(w, r, memory)
	if refused != nil {
		return nil, nil, refused
	}
	verifiedBy, refused := n.verify(r.Header, body)
	if refused != nil {
		return body, nil, refused
	}
	return body, verifiedBy, n.own.check(body)
}

// read returns the notification's body.
func (n *Handler) read(w http.ResponseWriter, r *http.Request, memory *memory) ([]byte, *refusal) {
	if r.Method != http.MethodPost {
		return nil, &refusal{http.StatusMethodNotAllowed, "method", "PayerMax's notifications are POST requests"}
	}
	if protocol.IsCoded(r.Header) {
		return nil, &refusal{http.StatusUnsupportedMediaType, "coding", "PayerMax's notifications have no content coding"}
	}
	if r.ContentLength > n.MaxBodySize {
		return nil, notificationTooLarge("max_body_size")
	}
	body, err := io.ReadAll(&held{Reader: http.MaxBytesReader(w, r.Body, n.MaxBodySize), memory: memory})
	if exceeded, ok := errors.AsType[*http.MaxBytesError](err); ok {
		if exceeded.Limit < n.MaxBodySize {
			return nil, notificationTooLarge("a request_body directive")
		}
		return nil, notificationTooLarge("max_body_size")
	}
	if errors.Is(err, errNoRoom) {
		return nil, overloaded()
	}
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "incomplete", "the notification is incomplete"}
	}
	return body, nil
}

// notificationTooLarge refuses a notification that exceeds the named limit.
func notificationTooLarge(by string) *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, "too_large", "the notification is larger than " + by + " allows"}
}

// verify returns the key that verifies the notification's signature.
func (n *Handler) verify(header http.Header, body []byte) (*rsa.PublicKey, *refusal) {
	signatures := protocol.Signatures(header)
	if len(signatures) != 1 {
		return nil, &refusal{http.StatusForbidden, "unsigned", "the notification must have one sign header"}
	}
	for _, key := range n.keyring.Current().Gateway {
		if signer.Verify(key, body, signatures[0]) == nil {
			return key, nil
		}
	}
	return nil, &refusal{http.StatusForbidden, "wrong_signature", "the notification is not signed by PayerMax"}
}

// passedFields are the header fields that reach the application unchanged. The signature
// covers none of them, so only fields pass that an application may need and that do not
// change the meaning of the notification.
var passedFields = []string{
	protocol.SignHeader, "User-Agent", "Accept", "Accept-Encoding", "Traceparent", "Tracestate",
	"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
}

// verified returns the request for the application: the verified bytes, with the proof of
// verification.
func verified(r *http.Request, body []byte, key *rsa.PublicKey) *http.Request {
	from := r.Header
	r = r.WithContext(asVerified(r.Context()))
	r.Header = http.Header{
		verifiedHeader:   {signer.Fingerprint(key)},
		"Content-Type":   {"application/json"},
		"Content-Length": {strconv.Itoa(len(body))},
	}
	for _, field := range passedFields {
		if values, ok := from[field]; ok {
			r.Header[field] = slices.Clone(values)
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.TransferEncoding, r.Trailer, r.GetBody = nil, nil, nil
	return r
}

// record counts a notification and logs its outcome, without its content. A status of 0 means
// that nothing has answered.
func (n *Handler) record(result string, size, status int, more ...zap.Field) {
	notifications.WithLabelValues(result).Inc()
	log := n.logger.Info
	if result != "passed" && result != "duplicate" {
		log = n.logger.Warn
	}
	fields := []zap.Field{zap.String("result", result), zap.Int("bytes", size)}
	if status != 0 {
		fields = append(fields, zap.Int("status", status))
	}
	log("notification", append(fields, more...)...)
}

// refusal is why a notification does not reach the application.
type refusal struct {
	status int
	result string // the metric's label
	msg    string
}

// write answers the sender, which need not be PayerMax.
func (f *refusal) write(w http.ResponseWriter, r *http.Request) {
	if f.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	if f.status != http.StatusForbidden && r.ContentLength != 0 {
		w.Header().Set("Connection", "close") // otherwise the server would wait for the body
	}
	f.answer().Send(w)
}

// answer returns the refusal in the format of PayerMax's answers.
func (f *refusal) answer() *reply.Answer {
	refused := &reply.Refusal{Code: "NOTIFICATION_REFUSED", Msg: f.msg, Status: f.status, ProxyError: "http_request_denied"}
	if f.status == http.StatusServiceUnavailable {
		refused.Header = http.Header{"Retry-After": {"1"}}
	}
	return refused.Answer()
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
