package doctor

import (
	"crypto/rsa"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Option is an option of the configuration whose value may contain placeholders.
type Option struct {
	// Name is the option's name in the Caddyfile.
	Name string
	// Value is the value that the sidecar would use, with all placeholders expanded.
	Value string
	// Empty are the placeholders in the value that expand to nothing, such as
	// "{env.PAYERMAX_APP_ID}".
	Empty []string
	// Error is the sidecar's reason to reject the value, or nil.
	Error error
}

// isSet reports whether the option is configured at all.
func (o Option) isSet() bool { return o.Value != "" || len(o.Empty) > 0 || o.Error != nil }

// isUsable reports whether there is a value that the sidecar would accept.
func (o Option) isUsable() bool { return o.Value != "" && o.Error == nil }

// Merchant is a merchant on whose behalf calls are signed.
type Merchant struct {
	// Name identifies the merchant, such as "payermax on :8080, merchant 0202".
	Name string

	// The options that identify the merchant. AuthToken's value is a secret.
	AppID, MerchantNo, SPMerchantNo, AuthToken, KeyVersion Option

	// AuthTokenPerRequest is true if each request chooses among several tokens.
	AuthTokenPerRequest bool

	// Key signs, and NextKey will replace it; nil if not configured.
	Key, NextKey *Key

	// PublicKey is the file with the public key that was given to PayerMax.
	PublicKey Option
	// GatewayPublicKeys are the files with the public keys that PayerMax may
	// sign with.
	GatewayPublicKeys []Option

	// QueryVersion is the API version of orderQuery.
	QueryVersion string
}

// checkMerchant checks a merchant's identity and all of its keys. others are the public
// halves of other merchants' keys.
func checkMerchant(m Merchant, sandbox bool, others []*rsa.PublicKey) (merchantKeys, []Result) {
	var keys merchantKeys
	results := checkIdentity(m, sandbox)
	switch {
	case m.Key != nil:
		var found []Result
		keys.signing, found = checkKey("private key", *m.Key)
		results = append(results, found...)
	case sandbox:
		results = append(results, ok("private key", "none is configured, so the sandbox generates one"))
	default:
		results = append(results, problem("private key", "it is not configured, and nothing can be signed without it").
			then("name the file with the merchant's RSA private key: private_key <path>"))
	}
	if keys.signing != nil {
		results = append(results, checkPair(m.PublicKey, keys.signing))
	}
	switch {
	case m.NextKey == nil:
	case m.NextKey.isNotThereYet():
		results = append(results, ok("next key", "%s does not exist yet; it is used once it does", m.NextKey.Path.Value))
	default:
		var found []Result
		keys.next, found = checkKey("next key", *m.NextKey)
		results = append(results, append(found, checkNextKey(keys)...)...)
	}
	if sandbox {
		return keys, results
	}
	var found []Result
	keys.gateway, found = checkGatewayKeys(m.GatewayPublicKeys, slices.Concat(others, keys.own()))
	return keys, append(results, found...)
}

// checkIdentity checks the options that identify the merchant. They may be empty with the
// sandbox, which does not need them.
func checkIdentity(m Merchant, sandbox bool) []Result {
	isAbsent := func(o Option) bool { return !o.isSet() || sandbox && o.Value == "" && o.Error == nil }
	appID, merchantNo := checkOption(m.AppID), checkOption(m.MerchantNo)
	switch {
	case isAbsent(m.AppID) && sandbox:
		appID = ok("app_id", "it is not set, so the one in PayerMax's documentation is used")
	case isAbsent(m.AppID):
		appID = problem("app_id", "it is not set").then("set it to the appId in PayerMax's dashboard")
	}
	if isAbsent(m.MerchantNo) {
		merchantNo = ok("merchant_no", "it is not set, so the application's own is sent")
	}
	if protocol.AreExchanged(m.AppID.Value, m.MerchantNo.Value) {
		appID = warning("app_id", "%s has 15 digits like a merchantNo, and merchant_no has 32 hexadecimal digits like an appId: they seem to be exchanged", m.AppID.Value).
			then("compare both with PayerMax's dashboard")
	}
	results := []Result{appID, merchantNo}
	for _, o := range []Option{m.SPMerchantNo, m.KeyVersion} {
		if !isAbsent(o) {
			results = append(results, checkOption(o))
		}
	}
	return append(results, checkAuthToken(m)...)
}

// checkExample warns of an identity that is still that of an example, if calls leave this
// machine.
func checkExample(m Merchant, gateways []Gateway) (results []Result) {
	if len(gateways) > 0 && !slices.ContainsFunc(gateways, func(g Gateway) bool { return !protocol.IsLoopback(g.host()) }) {
		return nil
	}
	for _, o := range []Option{m.AppID, m.MerchantNo, m.SPMerchantNo} {
		if doubt, next := protocol.DoubtAboutIdentity(o.Value); doubt != "" {
			results = append(results, warning(o.Name, "%s %s", o.Value, doubt).then("%s", next))
		}
	}
	return results
}

// checkOption checks one option whose value is not a secret.
func checkOption(o Option) Result {
	empty := strings.Join(o.Empty, " and ")
	switch {
	case o.Error != nil:
		return problem(o.Name, "%s", withoutName(o)).then("%s", nextForEmpty(o.Empty))
	case o.Value == "" && empty == "":
		return problem(o.Name, "it is empty").then("set it")
	case o.Value == "":
		return problem(o.Name, "%s is empty or not set", empty).then("%s", nextForEmpty(o.Empty))
	case empty != "":
		return warning(o.Name, "%s is empty or not set, so part of the value is missing", empty).then("%s", nextForEmpty(o.Empty))
	}
	return ok(o.Name, "%s", o.Value)
}

// withoutName returns an option's error without the name of the option, which is already
// the name of the check.
func withoutName(o Option) string {
	return Discreet(strings.TrimPrefix(o.Error.Error(), o.Name+": "))
}

// nextForEmpty says what to do about placeholders that expand to nothing.
func nextForEmpty(empty []string) string {
	for _, placeholder := range empty {
		if strings.HasPrefix(placeholder, "{env.") {
			return "set the variable, and run this check with the sidecar's own environment"
		}
		if strings.HasPrefix(placeholder, "{file.") {
			return "check that the file exists, is readable and is not empty"
		}
	}
	return ""
}

// checkAuthToken checks that a service provider's token is set, without revealing
// anything about it.
func checkAuthToken(m Merchant) []Result {
	const name = "merchant_auth_token"
	switch {
	case m.AuthTokenPerRequest:
		return []Result{notChecked(name, "each request chooses its own")}
	case m.AuthToken.Error != nil:
		return []Result{problem(name, "%s", withoutName(m.AuthToken)).then("%s", nextForEmpty(m.AuthToken.Empty))}
	case len(m.AuthToken.Empty) > 0:
		return []Result{problem(name, "%s is empty or not set", strings.Join(m.AuthToken.Empty, " and ")).then("%s", nextForEmpty(m.AuthToken.Empty))}
	case strings.ContainsAny(m.AuthToken.Value, " \t"):
		return []Result{warning(name, "it contains white space, so it may contain more than the token").
			then("compare it with the token that PayerMax gave you, and remove everything else")}
	case m.AuthToken.Value != "":
		return []Result{ok(name, "it is set")}
	case m.SPMerchantNo.Value != "":
		return []Result{warning(name, "it is not set, but sp_merchant_no is").
			then("if PayerMax gave you a token for this merchant, name its file: merchant_auth_token {file./<path>}")}
	}
	return nil
}
