package payermax

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

func init() {
	caddy.RegisterModule(new(Notify))
}

const (
	// verifiedHeader tells the application that a notification was verified,
	// and by which of PayerMax's keys.
	verifiedHeader = "Payermax-Verified"
	// acknowledgement is the one answer that PayerMax takes for a receipt
	// (docs: receipt/result-notifications/callback-notification).
	acknowledgement = `{"code":"SUCCESS","msg":"Success"}`

	// ackAfter is the value of Ack with which the sidecar acknowledges.
	ackAfter = "after"

	defaultMaxNotificationSize = 256 << 10
)

// Notify verifies PayerMax's notifications before the application sees them. It
// stands in front of the application's callback route: a `POST` whose `sign`
// header is PayerMax's signature over the raw body passes on, byte for byte, with
// the header `Payermax-Verified` set to the fingerprint of the key that verified
// it; a copy of that header from outside is removed. Everything else is refused
// with a 4xx, which makes PayerMax deliver it again.
//
// What a notification says is not looked at, so every `notifyType` passes, those
// of failed payments included. A captured notification can be replayed by whoever
// has it, for PayerMax's signature does not expire: applications must be
// idempotent, with or without the guard against duplicates.
type Notify struct {
	// The paths of the files with the public keys that PayerMax may sign with:
	// PEM, or the one-line base64 that the dashboard shows. They are followed
	// when they change. Required. Placeholders are expanded when the config is
	// loaded.
	GatewayPublicKeys []string `json:"gateway_public_keys,omitempty"`

	// The largest notification that is accepted, in bytes.
	// Default: 262144 (256 KiB).
	MaxBodySize int64 `json:"max_body_size,omitempty"`

	// Who acknowledges the notification to PayerMax. By default the
	// application's own answer goes back. With `after`, any 2xx of the
	// application becomes the exact acknowledgement that PayerMax expects, and
	// anything else an error, so that PayerMax delivers the notification again:
	// after 30 seconds, 5 minutes, 10 minutes, 1 hour and 12 hours, and then no
	// more.
	Ack string `json:"ack,omitempty"`

	// For how long the same notification, delivered again, is acknowledged
	// without reaching the application. Only notifications that the application
	// has accepted count, the last 10000 of them; a restart or a reload of the
	// config forgets them. Default: 0, no guard.
	Duplicates caddy.Duration `json:"duplicates,omitempty"`

	keyring *keyring
	seen    *acceptedNotifications
	logger  *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*Notify) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.payermax_notify",
		New: func() caddy.Module { return new(Notify) },
	}
}

// Provision sets the defaults and loads the keys.
func (n *Notify) Provision(ctx caddy.Context) error {
	n.logger = ctx.Logger()
	if n.MaxBodySize == 0 {
		n.MaxBodySize = defaultMaxNotificationSize
	}
	if len(n.GatewayPublicKeys) == 0 {
		return errors.New("gateway_public_key: required; it is the path of the file with the public key that PayerMax signs with")
	}
	paths := make([]string, len(n.GatewayPublicKeys))
	for i, path := range n.GatewayPublicKeys {
		if err := (option{"gateway_public_key", path, 0, &paths[i]}).expand(caddy.NewReplacer(), false); err != nil {
			return err
		}
	}
	n.keyring = &keyring{gatewayFiles: paths, logger: n.logger, metrics: processMetrics}
	if err := n.keyring.load(); err != nil {
		return err
	}
	if err := processMetrics.register(ctx); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	if n.Duplicates > 0 {
		n.seen = newAcceptedNotifications(time.Duration(n.Duplicates))
	}
	warnOfAdminEndpoint(ctx, n.logger)
	go n.keyring.watch(ctx)
	return nil
}

// Validate checks the settings that need no file.
func (n *Notify) Validate() error {
	switch {
	case n.MaxBodySize < 0:
		return fmt.Errorf("max_body_size must be positive, but is %d", n.MaxBodySize)
	case n.Duplicates < 0:
		return fmt.Errorf("duplicates must be positive, but is %v", time.Duration(n.Duplicates))
	case n.Ack != "" && n.Ack != ackAfter:
		return fmt.Errorf("ack must be %q or left out, but is %q", ackAfter, n.Ack)
	}
	return nil
}

// ServeHTTP passes on a notification that is PayerMax's, and no other.
func (n *Notify) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	body, refused := n.read(w, r)
	var verifiedBy *rsa.PublicKey
	if refused == nil {
		verifiedBy, refused = n.verify(r.Header, body)
	}
	if refused != nil {
		n.record(refused.result, len(body), refused.status)
		return refused.write(w, r)
	}
	r = verified(r, body, verifiedBy)

	if n.seen == nil {
		_, err := n.deliver(w, r, next, len(body))
		return err
	}
	id := notification(envelope.NotificationID(body))
	switch n.seen.begin(id) {
	case alreadyAccepted:
		n.record("duplicate", len(body), http.StatusOK)
		return acknowledge(w)
	case beingDelivered:
		n.record("concurrent", len(body), http.StatusServiceUnavailable)
		return tryAgain(w, http.StatusServiceUnavailable)
	}
	accepted := false
	defer func() { n.seen.end(id, accepted) }()
	var err error
	accepted, err = n.deliver(w, r, next, len(body))
	return err
}

// read returns the notification's body.
func (n *Notify) read(w http.ResponseWriter, r *http.Request) ([]byte, *notificationRefusal) {
	if r.Method != http.MethodPost {
		return nil, &notificationRefusal{http.StatusMethodNotAllowed, "method", "PayerMax's notifications are POST requests"}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, &notificationRefusal{http.StatusUnsupportedMediaType, "coding", "PayerMax's notifications have no content coding"}
	}
	if r.ContentLength > n.MaxBodySize {
		return nil, &notificationRefusal{http.StatusRequestEntityTooLarge, "too_large", "the notification is larger than max_body_size allows"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, n.MaxBodySize))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &notificationRefusal{http.StatusRequestEntityTooLarge, "too_large", "the notification is larger than max_body_size allows"}
	}
	if err != nil {
		return nil, &notificationRefusal{http.StatusBadRequest, "incomplete", "the notification could not be read to its end"}
	}
	return body, nil
}

// verify returns the key that the notification is signed with.
func (n *Notify) verify(header http.Header, body []byte) (*rsa.PublicKey, *notificationRefusal) {
	signatures := header["Sign"]
	if len(signatures) != 1 {
		return nil, &notificationRefusal{http.StatusForbidden, "unsigned", "the notification must have one sign header"}
	}
	for _, key := range n.keyring.current.Load().gateway {
		if signer.Verify(key, body, signatures[0]) == nil {
			return key, nil
		}
	}
	return nil, &notificationRefusal{http.StatusForbidden, "wrong_signature", "the notification is not signed by PayerMax"}
}

// verified returns the request for the application: the bytes that were
// verified, with the proof that they were.
func verified(r *http.Request, body []byte, key *rsa.PublicKey) *http.Request {
	r.Header = r.Header.Clone()
	for field := range r.Header {
		if looksLikeVerifiedHeader(field) {
			delete(r.Header, field)
		}
	}
	r.Header.Set(verifiedHeader, signer.Fingerprint(key))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	r.Header.Del("Trailer")
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	r.ContentLength = int64(len(body))
	r.TransferEncoding, r.Trailer, r.GetBody = nil, nil, nil
	return r
}

// looksLikeVerifiedHeader reports whether an application could take the field
// for the proof: CGI and its heirs see no difference between - and _, nor one of
// case.
func looksLikeVerifiedHeader(field string) bool {
	plain := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, field)
	return strings.EqualFold(plain, "payermaxverified")
}

// notificationResults are what can become of a notification, as the metric
// names it.
var notificationResults = []string{
	"passed", "duplicate", "concurrent", "not_accepted",
	"unsigned", "wrong_signature", "too_large", "method", "coding", "incomplete",
}

// record counts a notification and logs what became of it, without its content.
func (n *Notify) record(result string, size, status int) {
	processMetrics.notifications.WithLabelValues(result).Inc()
	log := n.logger.Info
	if result != "passed" && result != "duplicate" {
		log = n.logger.Warn
	}
	log("notification", zap.String("result", result), zap.Int("bytes", size), zap.Int("status", status))
}

// notificationRefusal is why a notification does not reach the application.
type notificationRefusal struct {
	status int
	result string // the metric's label
	msg    string
}

// write answers PayerMax, or whoever it is.
func (f *notificationRefusal) write(w http.ResponseWriter, r *http.Request) error {
	if f.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	if f.result != "unsigned" && f.result != "wrong_signature" && r.ContentLength != 0 {
		w.Header().Set("Connection", "close") // or the server would wait for the body
	}
	refused := &refusal{Code: "NOTIFICATION_REFUSED", Msg: f.msg, status: f.status, proxyError: "http_request_denied"}
	refused.answer().write(w)
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Notify)(nil)
	_ caddy.Validator             = (*Notify)(nil)
	_ caddyhttp.MiddlewareHandler = (*Notify)(nil)
)
