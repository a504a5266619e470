package sandbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// authTokenHeader is the header with the token that PayerMax gives a service provider for its sub-merchants. It must be
// sent with underscores ("ISV integration" page), which the Go and PHP SDKs do not do.
const authTokenHeader = "merchant_auth_token"

// checkProvider refuses a request that lacks what a service provider must send: its own number in the envelope, and its
// token in a header, which the signature does not cover. The sentence in why is for the record of the call. PayerMax
// documents no codes for this; a missing value is refused like any other required member, and a wrong one like a wrong
// merchantNo.
func (m Merchant) checkProvider(env envelope, header http.Header) (refused *refusal, why string) {
	switch {
	case m.SPMerchantNo == "":
	case env.spMerchantNo == "":
		return isNull("spMerchantNo"), "spMerchantNo is missing, which the requests of a service provider need"
	case !equal(env.spMerchantNo, m.SPMerchantNo):
		return refuse(codeMerchantInvalid), "spMerchantNo is not the one that is registered with this appId"
	}
	if m.MerchantAuthToken == "" {
		return nil, ""
	}
	switch tokens := authTokens(header); {
	case len(tokens) > 1:
		return refuse(codeMerchantInvalid), fmt.Sprintf("there are %d headers %s", len(tokens), authTokenHeader)
	case len(tokens) == 0 || tokens[0] == "":
		return isNull(authTokenHeader), "the header " + authTokenHeader + " is missing" + misspeltAuthToken(header)
	case !equal(tokens[0], m.MerchantAuthToken):
		return refuse(codeMerchantInvalid), "the header " + authTokenHeader + " is not the registered token"
	}
	return nil, ""
}

// authTokens returns the values of the token's header, ignoring the case of its name. net/http's server canonicalises
// header names, but a caller within the process may not do so.
func authTokens(header http.Header) (tokens []string) {
	for name, values := range header {
		if strings.EqualFold(name, authTokenHeader) {
			tokens = append(tokens, values...)
		}
	}
	return tokens
}

// misspeltAuthToken says how the name of the token's header was misspelt, if that is why it is missing.
func misspeltAuthToken(header http.Header) string {
	bare := strings.NewReplacer("-", "", "_", "")
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if !strings.EqualFold(name, authTokenHeader) && strings.EqualFold(bare.Replace(name), "merchantauthtoken") {
			return "; " + name + " is not how it is spelt"
		}
	}
	return ""
}

// equal compares two texts in a time that reveals nothing about either, not even its length.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
