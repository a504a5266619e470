package kms

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.step.sm/crypto/kms/apiv1"

	"github.com/caddy-payermax/caddy-payermax/internal/regular"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/remote"
	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/reopen"
)

func init() {
	caddy.RegisterModule(new(PKCS11))
}

// PKCS11 signs with a key in a PKCS#11 token: an HSM, a smart card, or SoftHSM2. It needs
// a binary that was built with cgo.
//
// When the token loses its sessions, because it was restarted, reset or unreachable, the
// next signature logs in again and opens new sessions. If the key has been replaced by
// another one in the meantime, nothing is signed until the config is loaded again. A PIN
// that the token refused is not sent a second time, since tokens lock themselves after a
// few attempts: write the right PIN to the file, which is read at each login, or load the
// config again.
//
// The token must allow one session more than `max_in_flight`, and twice as many while a
// new config takes over from an old one.
type PKCS11 struct {
	// The key's URI as in RFC 7512, such as
	// `pkcs11:token=payermax;object=signing?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/secrets/payermax/pin`.
	// The attributes may be in the path or in the query:
	//
	// Attribute | Description
	// ----------|------------
	// `token`, `serial` or `slot-id` | Which token, by its label, serial number or slot. One of them is required.
	// `object`, `id` | Which key, by its label (CKA_LABEL) or ID (CKA_ID, in hex or percent-encoded), or both. One of them is required. In any case, the key must have an ID in the token, and the token must have the public key with the same ID.
	// `module-path` | The library of the token's vendor. Default: `p11-kit-proxy.so`, which finds all installed libraries.
	// `pin-source` | The path of a file with the user PIN. The file is read at each login.
	// `pin-value` | The user PIN itself, which is accepted as a placeholder only. Without a PIN there is no login.
	//
	// Required. Placeholders are expanded when the config is loaded.
	URI string `json:"uri,omitempty"`

	Limits
	source
}

var pkcs11Scheme = scheme{
	name:       "pkcs11",
	example:    "pkcs11:token=payermax;object=signing?pin-source=/run/secrets/payermax/pin",
	attributes: []string{"token", "serial", "slot-id", "object", "id", "module-path", "pin-source", "pin-value"},
	secrets:    []string{"pin-value"},
}

// CaddyModule returns the Caddy module information.
func (*PKCS11) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax.keys.pkcs11",
		New: func() caddy.Module { return new(PKCS11) },
	}
}

// Provision checks the URI. It does not access the token; the first call of Key does.
func (p *PKCS11) Provision(caddy.Context) error {
	if !pkcs11Supported {
		return errors.New("this binary cannot use PKCS#11, because it was built without cgo; build it with CGO_ENABLED=1, a C compiler and without the tag nopkcs11, or choose another key source")
	}
	if err := p.validate(); err != nil {
		return err
	}
	a, err := parseAddress(p.URI, pkcs11Scheme, caddy.NewReplacer())
	if err != nil {
		return err
	}
	if err := checkPKCS11(a); err != nil {
		return err
	}
	token := &token{address: a, sessions: sessions(p.MaxInFlight)}
	p.provision(p.Limits, a, token.open, lostSession)
	return nil
}

// Cleanup closes the token once no more signatures use it.
func (p *PKCS11) Cleanup() error { return p.release() }

// UnmarshalCaddyfile sets up the key source from Caddyfile tokens. Syntax:
//
//	pkcs11 <uri> {
//	    timeout       <duration>
//	    max_in_flight <number>
//	}
//
// Only the URI is required.
func (p *PKCS11) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalSource(d, &p.URI, &p.Limits)
}

// checkPKCS11 refuses URIs that do not name exactly one key in exactly one token.
func checkPKCS11(a address) error {
	tokens := 0
	for _, name := range []string{"token", "serial", "slot-id"} {
		if a.values[name] != "" {
			tokens++
		}
	}
	switch {
	case tokens == 0:
		return fmt.Errorf("uri needs token, serial or slot-id, such as %s", a.scheme.example)
	case tokens > 1:
		return errors.New("uri must have only one of token, serial and slot-id")
	case a.values["object"] == "" && a.values["id"] == "":
		return fmt.Errorf("uri needs object or id, such as %s", a.scheme.example)
	case a.values["pin-source"] != "" && a.values["pin-value"] != "":
		return errors.New("uri must have only one of pin-source and pin-value")
	}
	return nil
}

// sessions returns the number of sessions that are needed for inFlight concurrent
// signatures. There is one more for the login, which lasts as long as its session.
func sessions(inFlight int) int {
	if inFlight == 0 {
		inFlight = remote.DefaultMaxInFlight
	}
	return inFlight + 1
}

// token opens a key in a PKCS#11 token, and remembers a PIN that the token refused.
type token struct {
	address  address
	sessions int
	refused  string
}

// open logs in and finds the key. The underlying library keeps a pool of sessions, and
// only their number can be set. It reuses dead sessions, which is why a lost session
// leads to a completely new login.
func (t *token) open() (reopen.Opened, error) {
	pin, err := t.pin()
	if err != nil {
		return reopen.Opened{}, err
	}
	if t.refused != "" && subtle.ConstantTimeCompare([]byte(pin), []byte(t.refused)) == 1 {
		return reopen.Opened{}, errors.New("the token refused this PIN before, and is not asked again before it locks itself; correct the file that pin-source names, or the config")
	}
	opened, err := openKey(apiv1.Options{
		Type: apiv1.PKCS11,
		URI:  t.address.uri("token", "serial", "slot-id", "module-path") + ";max-sessions=" + strconv.Itoa(t.sessions),
		Pin:  pin,
	}, t.address.uri("object", "id"))
	if err == nil {
		return opened, nil
	}
	if errors.Is(err, apiv1.NotFoundError{}) {
		return reopen.Opened{}, errors.New("the token has no such key; the private and the public key need the object and id of the uri, and both need the same ID (CKA_ID)")
	}
	if refusedPIN(err) {
		t.refused = pin
	}
	return reopen.Opened{}, redact(err, pin)
}

// maxPINFile is the largest PIN file that is read, in bytes.
const maxPINFile = 4 << 10

// pin returns the PIN, or "" for a token without login. The library could also read the
// file, but it would log in with an empty PIN if that failed.
func (t *token) pin() (string, error) {
	path := t.address.values["pin-source"]
	if path == "" {
		return t.address.values["pin-value"], nil
	}
	if u, err := url.Parse(path); err == nil && u.Scheme == "file" { // RFC 7512, section 2.4
		path = u.Path
	}
	content, err := regular.Read(path, maxPINFile)
	if err != nil {
		return "", fmt.Errorf("reading pin-source: %w", err)
	}
	pin := strings.TrimSpace(string(content))
	if pin == "" {
		return "", fmt.Errorf("reading pin-source: %s is empty; it must contain the token's user PIN", path)
	}
	if err := setting.CheckPassword(pin, path); err != nil {
		return "", fmt.Errorf("reading pin-source: %s: %w", path, err)
	}
	return pin, nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*PKCS11)(nil)
	_ caddy.CleanerUpper    = (*PKCS11)(nil)
	_ caddyfile.Unmarshaler = (*PKCS11)(nil)
	_ keySource             = (*PKCS11)(nil)
)
