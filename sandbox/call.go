package sandbox

import (
	"net/http"
	"time"
)

// Call records one request and the gateway's decision about it, for demonstrations and tests. It belongs to the
// receiver: the gateway keeps no reference to its slices and maps.
type Call struct {
	// Time is when the request arrived, by the gateway's clock.
	Time time.Time

	// Endpoint is the name of the interface, such as "applyDropinSession"; empty when the path named none.
	Endpoint string

	// AppID and MerchantNo are the values in the request, whether or not they are known and the request is verified. They
	// are empty if the envelope could not be read.
	AppID, MerchantNo string

	// Header and Body are the request's, as received. Body is nil when the path or the method was refused. Header includes
	// the merchant_auth_token of a service provider, which is a secret.
	Header http.Header
	Body   []byte

	// Verified reports whether the request carried exactly one signature and it is a valid one of the merchant that the
	// request names. If not, Unverified says why in a sentence: what is wrong with the signature, or why the gateway did
	// not check it, for instance because the merchant is unknown. It is empty if the request was refused in plain text.
	Verified   bool
	Unverified string

	// Deviations lists, in a sentence each, what the request has that PayerMax's pages do not document, although
	// PayerMax's own SDKs, plugins or examples send it. A strict gateway refuses all of it.
	Deviations []string

	// Fault is the fault that was asked for, in the syntax of the Sandbox-Fault header.
	Fault string

	// Status is the answer's HTTP status.
	Status int

	// Code and Msg are the gateway's decision, even if a fault kept it out of the answer. They are empty when the request
	// was refused in plain text, with a status only.
	Code, Msg string

	// Answer is the body of the answer and AnswerSign its sign header, which is empty for plain text.
	Answer     []byte
	AnswerSign string
}

// notVerified records why a request could not be verified and returns refused.
func (c *Call) notVerified(refused *refusal, why string) *refusal {
	c.Unverified = why
	return refused
}

// unknownMerchant explains a refusal of [Gateway.merchant] in the merchant's terms.
func unknownMerchant(refused *refusal) string {
	if refused.code == codeMerchantAppInvalid {
		return "no merchant is registered with this appId"
	}
	return "merchantNo is not the one that is registered with this appId"
}
