package doctor

import (
	"crypto"
	"regexp"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// busyCodes say that PayerMax cannot tell right now.
var busyCodes = map[string]bool{
	protocol.CodeSystemError: true, protocol.CodeTooManyRequest: true,
	protocol.CodeRequestTimeout: true, protocol.CodeUnexpectedError: true,
}

// explain says what the code of an answer to [checkCall]'s question means. The
// answer's message is not repeated: it may quote anything. isProven says that one of
// PayerMax's keys has signed the answer: without that, anybody may have given it.
func explain(code string, g Gateway, m Merchant, keys merchantKeys, isProven bool) Result {
	const name = callCheck
	dashboard := "PayerMax's dashboard"
	if g.Environment != "" {
		dashboard += " for " + g.Environment
	}
	switch {
	case code == protocol.CodeOrderNotExist, code == protocol.CodeApplySuccess:
		if !isProven {
			return warning(name, "%s: whoever answers has no such order, as it should be, but nothing proves that it is PayerMax and that it has looked at the merchant and the signature; see answer below", code).
				then("check gateway and gateway_public_key; a successful answer is always signed, so the first order shows whether PayerMax accepts the signature")
		}
		return ok(name, "%s: PayerMax knows the merchant and accepts the signature, and has no such order, as it should be", code)
	case code == protocol.CodeSignVerifyFailed:
		return problem(name, "%s: PayerMax's public key for this app_id does not belong to the private key, %s", code, fingerprintOf(keys.signing)).
			then("check in this order: (1) the public half of exactly this key is uploaded in %s; (2) app_id is that of the application it is uploaded for; (3) key_version is 1; (4) nothing between here and PayerMax rewrites the body", dashboard)
	case code == protocol.CodeMerchantAppInvalid:
		return problem(name, "%s: PayerMax has no public key for this app_id, or does not know it", code).
			then("compare app_id with %s, and upload the public key there", dashboard)
	case code == protocol.CodeMerchantInvalid:
		return problem(name, "%s: PayerMax does not serve this merchant, or not with this app_id", code).
			then("compare merchant_no with %s; if it is right, ask PayerMax whether the merchant is online", dashboard)
	case code == protocol.CodeRequestTimeOver:
		return problem(name, "%s: requestTime is more than two minutes away from PayerMax's clock", code).
			then("have this machine's clock synchronised (NTP), or see follow_gateway_clock")
	case code == protocol.CodeParamsInvalid && m.MerchantNo.Value == "":
		return problem(name, "%s: something is missing for PayerMax, most likely the merchantNo, since merchant_no is not configured", code).
			then("set merchant_no, or have every request name its merchantNo")
	case code == protocol.CodeParamsInvalid:
		return problem(name, "%s: PayerMax does not accept the envelope: app_id, merchant_no, key_version, or orderQuery's version %s", code, m.QueryVersion).
			then("compare app_id and merchant_no with %s", dashboard)
	case code == protocol.CodeLoopDetected:
		return problem(name, "%s: it is not PayerMax that answers, but a sidecar", code).then("correct gateway, which leads back to one")
	case busyCodes[code]:
		return warning(name, "%s: PayerMax cannot tell at the moment", code).then("try again in a while")
	}
	return warning(name, "%s: PayerMax answers, and this code says nothing about the setup that is known here", printableCode(code)).
		then("look the code up in PayerMax's documentation")
}

// fingerprintOf names a key.
func fingerprintOf(key crypto.Signer) string {
	public, _ := publicOf(key)
	return signer.Fingerprint(public)
}

// codePattern is what PayerMax's codes look like.
var codePattern = regexp.MustCompile(`^[A-Z][A-Z_]{2,63}$`)

// printableCode returns a code that is not known, unless it does not look like
// one.
func printableCode(code string) string {
	if !codePattern.MatchString(strings.TrimSpace(code)) {
		return "a code of an unknown form"
	}
	return strings.TrimSpace(code)
}
