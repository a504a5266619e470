package protocol

import (
	"cmp"
	"slices"
)

// PathPrefix is where PayerMax's gateway has its endpoints, and where the
// application finds the sidecar's (docs: developer/api-desc).
const PathPrefix = "/aggregate-pay/api/gateway/"

// The endpoints that the sidecar knows by name.
const (
	// SessionEndpoint opens a Drop-In session.
	SessionEndpoint = "applyDropinSession"
	// OrderQueryEndpoint asks what became of an order.
	OrderQueryEndpoint = "orderQuery"
)

// Endpoint is one call of PayerMax's gateway.
type Endpoint struct {
	// Name is the last segment of the path.
	Name string
	// Version is the API version to declare, such as "1.5". Each endpoint has its
	// own.
	Version string
	// DropIn says that the call belongs to PayerMax's Drop-In integration.
	DropIn bool
	// Repeatable says that PayerMax may receive the call twice without harm,
	// because it moves no money and changes nothing that matters.
	Repeatable bool
	// MovesMoney says that the call has an amount to be paid, now or later.
	MovesMoney bool
	// Personal says that a success is for one user alone and names neither the
	// user nor the call.
	Personal bool
	// Echoes are the members of data that an answer repeats from its call: those by
	// which PayerMax tells one call from another. Without any, an answer need not
	// name anything of its call.
	Echoes []string
	// Own is the one of them that tells the call from others about the same order,
	// if there are such others, and that PayerMax's table requires of a success. A
	// success that names the order without it is an answer to one of the others.
	Own string
	// Failures are the values of data.status by which an answer says that the call has
	// moved no money, and never will. PayerMax has the status decide, and not the code
	// (docs: appendix/collection/transaction-status). Without any, no status of this
	// endpoint says so for certain.
	Failures []string
}

// envelopeEchoes are members of the envelope that an answer may repeat. They
// stand in no table of answers but that of subscriptionQuery, which has
// data.merchantNo; where they stand, they are those of the call. merchantAppId is
// what version 1.0 called appId.
var envelopeEchoes = []string{"appId", "merchantAppId", "merchantNo", "spMerchantNo"}

// numbers are the members of data by which a request names what it is about: an order,
// a refund, a token, a dispute. In each of PayerMax's tables where a request and its
// answer both have one of them, it is the same. So an answer that has another value than
// the request is to another call, even if its table does not have the member. A userId
// is not among them: it names a person, for whom PayerMax could have a name of its own.
var numbers = []string{
	"batchId", "caseId", "merchantLinkId", "outRefundNo", "outTradeNo", "paymentTokenID", "refundTradeNo", "requestId",
	"rfiNo", "subscriptionNo", "subscriptionRequestId", "tradeOrderNo", "tradeToken",
}

// IsOfEnvelope reports whether a member that identifies a call stands in the
// envelope, rather than in data.
func IsOfEnvelope(name string) bool { return slices.Contains(envelopeEchoes, name) }

// Path is where the endpoint is served, by the sidecar and by the gateway.
func (e Endpoint) Path() string { return PathPrefix + e.Name }

// Identifying returns the names of the members by which an answer can say which
// call it is for, those of the envelope included: all that it echoes, and what it would
// only have if it were the same.
func (e Endpoint) Identifying() []string {
	others := slices.DeleteFunc(slices.Clone(numbers), func(name string) bool { return slices.Contains(e.Echoes, name) })
	return slices.Concat(e.Echoes, others, envelopeEchoes)
}

// Endpoints returns all endpoints in the order of the table.
func Endpoints() []Endpoint { return slices.Clone(endpoints) }

// Number returns the member of data by which PayerMax tells a call that moves money from
// others of its kind, such as outTradeNo or outRefundNo, or "" if the call moves none.
func (e Endpoint) Number() string {
	if !e.MovesMoney || len(e.Echoes) == 0 {
		return ""
	}
	return cmp.Or(e.Own, e.Echoes[0])
}

// Lookup returns the endpoint of that name, to the letter.
func Lookup(name string) (Endpoint, bool) {
	i := slices.IndexFunc(endpoints, func(e Endpoint) bool { return e.Name == name })
	if i < 0 {
		return Endpoint{}, false
	}
	return endpoints[i], true
}
