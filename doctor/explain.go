package doctor

import (
	"crypto"
	"regexp"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// busyCodes are the codes that say that PayerMax cannot answer right now.
var busyCodes = map[string]bool{
	protocol.CodeSystemError: true, protocol.CodeTooManyRequest: true,
	protocol.CodeRequestTimeout: true, protocol.CodeUnexpectedError: true,
}

// explain says what the code of the answer to [checkCall]'s query means. It does not
// repeat the answer's message, which may quote anything. isProven is true if one of
// PayerMax's keys has signed the answer; otherwise anybody may have sent it.
func explain(code string, g Gateway, m Merchant, keys merchantKeys, isProven bool) Result {
	const name = callCheck
	dashboard := "PayerMax's dashboard"
	if g.Environment != "" {
		dashboard += " for " + g.Environment
	}
	switch {
	case code == protocol.CodeOrderNotExist, code == protocol.CodeApplySuccess:
		if !isProven {
			return warning(name, "%s: the order does not exist, as expected, but nothing proves that PayerMax answered and checked the merchant and the signature; see answer below", code).
				then("check gateway and gateway_public_key; a successful answer is always signed, so the first order shows whether PayerMax accepts the signature")
		}
		return ok(name, "%s: PayerMax knows the merchant and accepts the signature; the order does not exist, as expected", code)
	case code == protocol.CodeSignVerifyFailed:
		return problem(name, "%s: the public key that PayerMax has for this app_id does not match the private key, %s", code, fingerprintOf(keys.signing)).
			then("check in this order: (1) the public key of exactly this private key is uploaded in %s; (2) app_id is that of the application for which it is uploaded; (3) key_version is 1; (4) nothing between here and PayerMax rewrites the body", dashboard)
	case code == protocol.CodeMerchantAppInvalid:
		return problem(name, "%s: PayerMax has no public key for this app_id, or does not know it", code).
			then("compare app_id with %s, and upload the public key there", dashboard)
	case code == protocol.CodeMerchantInvalid:
		return problem(name, "%s: PayerMax does not accept this merchant, or not with this app_id", code).
			then("compare merchant_no with %s; if it is right, ask PayerMax whether the merchant is online", dashboard)
	case code == protocol.CodeRequestTimeOver:
		return problem(name, "%s: requestTime is more than two minutes away from PayerMax's clock", code).
			then("synchronise this machine's clock (NTP), or see follow_gateway_clock")
	case code == protocol.CodeParamsInvalid && m.MerchantNo.Value == "":
		return problem(name, "%s: PayerMax misses a member of the request, most likely merchantNo, because merchant_no is not configured", code).
			then("set merchant_no, or send merchantNo with every request")
	case code == protocol.CodeParamsInvalid:
		return problem(name, "%s: PayerMax does not accept a member of the envelope: app_id, merchant_no, key_version, or version %s of orderQuery", code, m.QueryVersion).
			then("compare app_id and merchant_no with %s", dashboard)
	case code == protocol.CodeLoopDetected:
		return problem(name, "%s: a sidecar answers, not PayerMax", code).then("correct gateway, which points to a sidecar")
	case busyCodes[code]:
		return warning(name, "%s: PayerMax cannot process the request at the moment", code).then("try again later")
	}
	return warning(name, "%s: PayerMax answers, but this code is not one that the doctor can interpret", printableCode(code)).
		then("look the code up in PayerMax's documentation")
}

// fingerprintOf returns the fingerprint of a key's public half.
func fingerprintOf(key crypto.Signer) string {
	public, _ := publicOf(key)
	return signer.Fingerprint(public)
}

// codePattern matches the format of PayerMax's codes.
var codePattern = regexp.MustCompile(`^[A-Z][A-Z_]{2,63}$`)

// printableCode returns an unknown code for display, or a description if it does not have
// the format of a code.
func printableCode(code string) string {
	if !codePattern.MatchString(strings.TrimSpace(code)) {
		return "a code in an unknown format"
	}
	return strings.TrimSpace(code)
}
