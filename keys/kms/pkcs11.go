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

// PKCS11 signs with a key in a token that speaks PKCS#11: an HSM, a smart card, or
// SoftHSM2. It needs a binary that was built with cgo.
//
// When the token loses its sessions, because it was restarted, reset or out of
// reach, the next signature logs in anew and opens others. If another key has
// taken the place of the one that was loaded meanwhile, nothing is signed until
// the config is loaded again. A PIN that the token refused is not sent a second
// time, since tokens lock themselves after a few attempts: write the right one to
// the file, which is read at each login, or load the config again.
//
// The token needs room for one session more than `max_in_flight`, and twice as
// many while a new config takes over from an old one.
type PKCS11 struct {
	// The key's URI as in RFC 7512, such as
	// `pkcs11:token=payermax;object=signing?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/secrets/payermax/pin`.
	// The attributes may be in either half of it:
	//
	// Attribute | Description
	// ----------|------------
	// `token`, `serial` or `slot-id` | Which token, by its label, serial number or slot. One of them is required.
	// `object`, `id` | Which key, by its label (CKA_LABEL) or ID (CKA_ID, in hex or percent-encoded), or both. One of them is required. The key needs an ID in the token in any case, and its public half beside it with the same ID.
	// `module-path` | The library of the token's maker. Default: `p11-kit-proxy.so`, which finds all that are installed.
	// `pin-source` | The path of a file with the user PIN, read whenever somebody logs in.
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

// Provision checks the URI. The token is only asked when the key is.
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

// Cleanup closes the token when nobody signs with it any more.
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

// checkPKCS11 refuses URIs that do not name one key in one token.
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

// sessions is the number of sessions for so many signatures at once: one is for
// the login, which lasts as long as that session.
func sessions(inFlight int) int {
	if inFlight == 0 {
		inFlight = remote.DefaultMaxInFlight
	}
	return inFlight + 1
}

// token opens the key in its token, and remembers a PIN that did not work.
type token struct {
	address  address
	sessions int
	refused  string
}

// open logs in and finds the key. The library below offers a pool of sessions,
// whose number is all there is to choose: it hands out dead sessions again, which
// is why a lost one leads to a whole new login.
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

// maxPINFile bounds what is read as a PIN, in bytes.
const maxPINFile = 4 << 10

// pin returns the PIN, or nothing for a token without login. The library would
// read the file too, but log in with an empty PIN if it cannot.
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
