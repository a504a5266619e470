package sandbox

import (
	"net/http"
	"time"
)

// Call is what the gateway saw and decided of one request, for demonstrations and tests. It belongs to whoever receives
// it: the gateway keeps no reference to its slices and maps.
type Call struct {
	// Time is when the request arrived, by the gateway's clock.
	Time time.Time

	// Endpoint is the name of the interface, such as "applyDropinSession"; empty when the path named none.
	Endpoint string

	// AppID and MerchantNo are those that the request names, whether they are known and the request is verified or not.
	// They are empty as long as the envelope could not be read.
	AppID, MerchantNo string

	// Header and Body are the request's, as received. Body is nil when the path or the method was refused. The header has
	// the merchant_auth_token of a service provider, which is a secret.
	Header http.Header
	Body   []byte

	// Verified says that the request bore one valid signature of the merchant it names. Unverified says in a sentence why
	// not, if the gateway came to look for a signature; also that it did not, because the merchant is unknown or a service
	// provider did not show that it is one.
	Verified   bool
	Unverified string

	// Deviations are what PayerMax's pages do not have of the request, although its own SDKs, plugins or examples send it;
	// a sentence each. A strict gateway lets none pass.
	Deviations []string

	// Fault is the fault that was asked for, in the words of the Sandbox-Fault header.
	Fault string

	// Status is the answer's HTTP status.
	Status int

	// Code and Msg are the gateway's decision, which a fault may have kept from the answer. They are empty when the
	// request was refused in plain text, by a status alone.
	Code, Msg string

	// Answer is the answer's body and AnswerSign its sign header, which plain text has none of.
	Answer     []byte
	AnswerSign string
}

// notVerified notes why a request could not be verified and returns its refusal.
func (c *Call) notVerified(refused *refusal, why string) *refusal {
	c.Unverified = why
	return refused
}

// unknownMerchant says in the merchant's terms what [Gateway.merchant] refused.
func unknownMerchant(refused *refusal) string {
	if refused.code == codeMerchantAppInvalid {
		return "no merchant is registered with this appId"
	}
	return "merchantNo is not the one that is registered with this appId"
}
