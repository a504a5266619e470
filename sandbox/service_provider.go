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

// authTokenHeader carries the token that PayerMax gives a service provider for its sub-merchants. It is spelt with
// underscores, and so it must be sent ("ISV integration" page), which the Go and PHP SDKs do not.
const authTokenHeader = "merchant_auth_token"

// checkProvider refuses a request that does not show what a service provider's must: the number of its own in the
// envelope, and the token in a header, which the signature does not cover. The sentence is for the record of the call.
// PayerMax documents no codes for this; what is missing is refused like any other required member, and what is wrong
// like a wrong merchantNo.
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

// authTokens returns the values of the token's header. Capitals and small letters are one in the names of headers; a
// server has put them into Go's form, but a handler that is called within the process may not.
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

// equal compares in a time that tells nothing of either text, its length included.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
