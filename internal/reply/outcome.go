package reply

// Outcome is how a request ended, in one word for logs, metrics and placeholders.
type Outcome string

// The possible outcomes.
const (
	Answered   Outcome = "answered"   // by the gateway
	Refused    Outcome = "refused"    // by the sidecar, before anything was sent
	NotSent    Outcome = "not_sent"   // the gateway could not be reached
	Unsigned   Outcome = "unsigned"   // a refusal that PayerMax has not signed, rewritten by the sidecar
	Unknown    Outcome = "unknown"    // sent, but PayerMax's answer did not arrive
	Unverified Outcome = "unverified" // it is not verifiable that the answer is PayerMax's answer to this call
)

// Outcome returns the outcome of a call that got this answer from the gateway.
func (a *Answer) Outcome() Outcome {
	if a.rewritten {
		return Unsigned
	}
	return Answered
}
