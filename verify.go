package payermax

import (
	"crypto/rsa"
	"fmt"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// How an answer was found, as Proxy-Status tells the application.
const (
	answerVerified  = "answer verified"
	answerUnsigned  = "answer not signed"
	answerUnchecked = "answer not checked"
	// answerUnverified is withheld, except in shadow mode.
	answerUnverified = "answer not verifiable"
)

// answerResults are the metric's labels for them.
var answerResults = map[string]string{
	answerVerified:   "verified",
	answerUnsigned:   "unsigned",
	answerUnchecked:  "unchecked",
	answerUnverified: "unverified",
}

// verify checks the signature over the raw bytes of the answer, which may be by
// any of the keys. Without a key, nothing is checked.
//
// PayerMax's own SDKs verify answers of code APPLY_SUCCESS, and it is documented
// nowhere whether the others are signed. So a signature may be missing, but one
// that is there must be right.
func verify(keys []*rsa.PublicKey, a *reply.Answer) (found string, err error) {
	signatures := a.Header()["Sign"]
	switch {
	case len(keys) == 0:
		return answerUnchecked, nil
	case len(signatures) == 0:
		return answerUnsigned, nil
	case len(signatures) > 1:
		return answerUnverified, fmt.Errorf("the answer has %d signatures", len(signatures))
	}
	for _, key := range keys {
		if err = signer.Verify(key, a.Body, signatures[0]); err == nil {
			return answerVerified, nil
		}
	}
	return answerUnverified, fmt.Errorf("verifying the answer's signature: %w", err)
}
