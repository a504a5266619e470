package doctor

import (
	"crypto/rsa"
	"slices"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// exampleFingerprint is the fingerprint of the example public key in PayerMax's
// documentation (docs: developer/signature-rules).
const exampleFingerprint = "sha256:8ed1d92031f9a674fffd6cd8c505c3cdb56886b8a1d4d1fc414eacb5dd9f0a10"

// checkGatewayKeys checks the public keys that PayerMax may sign with, and returns those
// that can be used. own are the merchant's own keys, which are easily confused with them:
// the dashboard shows both.
func checkGatewayKeys(options []Option, own []*rsa.PublicKey) ([]*rsa.PublicKey, []Result) {
	const name = "gateway public key"
	if len(options) == 0 {
		return nil, []Result{warning(name, "it is not configured, so answers are passed on without checking PayerMax's signature").
			then("save PayerMax's public key from its dashboard to a file and name it: gateway_public_key <path>")}
	}
	var usable []*rsa.PublicKey
	var results []Result
	for _, o := range options {
		key, result := checkGatewayKey(name, o, own)
		if key != nil && slices.ContainsFunc(usable, func(other *rsa.PublicKey) bool { return other.Equal(key) }) {
			result = warning(name, "%s is the same key as another one", o.Value).then("remove one of the two")
		} else if key != nil {
			usable = append(usable, key)
		}
		results = append(results, result)
	}
	return usable, results
}

// checkGatewayKey checks one public key; the returned key is nil if it cannot be
// PayerMax's.
func checkGatewayKey(name string, o Option, own []*rsa.PublicKey) (*rsa.PublicKey, Result) {
	if !o.isUsable() {
		return nil, checkOption(o).as(name)
	}
	key, err := signer.ReadPublicKeyFile(o.Value)
	if err != nil {
		return nil, problem(name, "%v", err).then("%s", nextForFile(err, o))
	}
	fingerprint := signer.Fingerprint(key)
	switch {
	case slices.ContainsFunc(own, func(mine *rsa.PublicKey) bool { return mine.Equal(key) }):
		return nil, problem(name, "%s is the merchant's own public key, not PayerMax's: it verifies your signatures, not PayerMax's", o.Value).
			then("download the other key from the dashboard, the one called PayerMax's public key, and name its file")
	case fingerprint == exampleFingerprint:
		return nil, problem(name, "%s is the example key of PayerMax's documentation, and no answer is signed with it", o.Value).
			then("download PayerMax's public key from your own dashboard")
	}
	return key, ok(name, "RSA of %d bits, %s, fingerprint %s", key.N.BitLen(), signer.FormOfFile(o.Value), fingerprint)
}
