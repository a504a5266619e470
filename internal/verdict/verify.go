package verdict

import (
	"crypto/rsa"
	"fmt"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Finding is the result of checking an answer, in the words of Proxy-Status.
type Finding string

// The possible findings.
const (
	Verified  Finding = "answer verified"
	Unsigned  Finding = "answer not signed"
	Unchecked Finding = "answer not checked" // because there is no key
	// Unverified answers are withheld, except in shadow mode.
	Unverified Finding = "answer not verifiable"
)

// Findings lists all findings.
var Findings = []Finding{Verified, Unsigned, Unchecked, Unverified}

// Label returns the finding in one word, for metrics and logs: verified, unsigned,
// unchecked or unverified.
func (f Finding) Label() string {
	switch f {
	case Verified:
		return "verified"
	case Unsigned:
		return "unsigned"
	case Unchecked:
		return "unchecked"
	default:
		return "unverified"
	}
}

// verify checks the signature over the raw bytes of the answer, which may be from any of the
// keys. Without keys, nothing is checked.
//
// PayerMax's own SDKs verify answers with the code APPLY_SUCCESS, and it is not documented
// whether other answers are signed. So a signature may be missing, but an existing one must
// be valid.
func verify(keys []*rsa.PublicKey, a *reply.Answer) (found Finding, err error) {
	signatures := protocol.Signatures(a.Header())
	switch {
	case len(keys) == 0:
		return Unchecked, nil
	case len(signatures) == 0:
		return Unsigned, nil
	case len(signatures) > 1:
		return Unverified, fmt.Errorf("the answer has %d signatures", len(signatures))
	}
	for _, key := range keys {
		if err = signer.Verify(key, a.Body, signatures[0]); err == nil {
			return Verified, nil
		}
	}
	return Unverified, fmt.Errorf("verifying the answer's signature: %w", err)
}
