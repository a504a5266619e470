package protocol

import (
	"cmp"
	"slices"
)

// PathPrefix is the path of the endpoints, both at PayerMax's gateway and at the sidecar
// (docs: developer/api-desc).
const PathPrefix = "/aggregate-pay/api/gateway/"

// The endpoints that the sidecar knows by name.
const (
	// SessionEndpoint opens a Drop-In session.
	SessionEndpoint = "applyDropinSession"
	// OrderQueryEndpoint asks for the state of an order.
	OrderQueryEndpoint = "orderQuery"
)

// Endpoint is one call of PayerMax's gateway.
type Endpoint struct {
	// Name is the last segment of the path.
	Name string
	// Version is the API version to declare, such as "1.5". Endpoints differ in their
	// versions.
	Version string
	// DropIn says that the call belongs to PayerMax's Drop-In integration.
	DropIn bool
	// Repeatable says that PayerMax may receive the call twice without harm,
	// because it moves no money and changes nothing that matters.
	Repeatable bool
	// MovesMoney says that the call has an amount to be paid, now or later.
	MovesMoney bool
	// Personal says that a successful answer is for one user only, and names neither the user
	// nor the call.
	Personal bool
	// Echoes are the members of data that an answer repeats from its call: those by which
	// PayerMax distinguishes calls. If there are none, an answer need not name anything from
	// its call.
	Echoes []string
	// Own is the echo that distinguishes the call from others about the same order, if there
	// can be such calls, and that PayerMax's table requires in a success. A success that
	// names the order without it answers one of the other calls.
	Own string
	// Failures are the values of data.status by which an answer says that the call has moved
	// no money and never will. According to PayerMax, the status decides and not the code
	// (docs: appendix/collection/transaction-status). If there are none, no status of this
	// endpoint says so for certain.
	Failures []string
}

// envelopeEchoes are members of the envelope that an answer may repeat. Among the tables of
// answers, only that of subscriptionQuery has one of them, data.merchantNo. If an answer has
// one, it must have the call's value. merchantAppId is the name of appId in version 1.0.
var envelopeEchoes = []string{"appId", "merchantAppId", "merchantNo", "spMerchantNo"}

// numbers are the members of data by which a request names its object: an order, a refund, a
// token, a dispute. In each of PayerMax's tables where a request and its answer both have one
// of them, the values are equal. So an answer with a different value is for another call,
// even if its table does not have the member. userId is not among them: it names a person,
// for whom PayerMax could have its own name.
var numbers = []string{
	"batchId", "caseId", "merchantLinkId", "outRefundNo", "outTradeNo", "paymentTokenID", "refundTradeNo", "requestId",
	"rfiNo", "subscriptionNo", "subscriptionRequestId", "tradeOrderNo", "tradeToken",
}

// IsOfEnvelope reports whether a member that identifies a call is in the envelope, rather
// than in data.
func IsOfEnvelope(name string) bool { return slices.Contains(envelopeEchoes, name) }

// Path returns the path of the endpoint, at the sidecar and at the gateway.
func (e Endpoint) Path() string { return PathPrefix + e.Name }

// Identifying returns the names of the members by which an answer can say which call it is
// for, including those of the envelope: all that it echoes, and those that must be equal to
// the call's if the answer has them.
func (e Endpoint) Identifying() []string {
	others := slices.DeleteFunc(slices.Clone(numbers), func(name string) bool { return slices.Contains(e.Echoes, name) })
	return slices.Concat(e.Echoes, others, envelopeEchoes)
}

// Endpoints returns all endpoints in the order of the table.
func Endpoints() []Endpoint { return slices.Clone(endpoints) }

// Number returns the member of data by which PayerMax distinguishes a call that moves money
// from others of its kind, such as outTradeNo or outRefundNo. It is "" if the call moves no
// money.
func (e Endpoint) Number() string {
	if !e.MovesMoney || len(e.Echoes) == 0 {
		return ""
	}
	return cmp.Or(e.Own, e.Echoes[0])
}

// Lookup returns the endpoint with exactly that name.
func Lookup(name string) (Endpoint, bool) {
	i := slices.IndexFunc(endpoints, func(e Endpoint) bool { return e.Name == name })
	if i < 0 {
		return Endpoint{}, false
	}
	return endpoints[i], true
}
