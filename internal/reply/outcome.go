package reply

// Outcome is how a request ended, in one word for logs, metrics and placeholders.
type Outcome string

// The outcomes there are.
const (
	Answered   Outcome = "answered"   // by the gateway
	Refused    Outcome = "refused"    // by the sidecar, before anything was sent
	NotSent    Outcome = "not_sent"   // the gateway could not be reached
	Unsigned   Outcome = "unsigned"   // by a refusal that PayerMax has not signed, written anew
	Unknown    Outcome = "unknown"    // sent, but PayerMax's answer did not arrive
	Unverified Outcome = "unverified" // the answer is not verifiably PayerMax's, to this call
)

// Outcome returns how a call ended that got this answer of the gateway's.
func (a *Answer) Outcome() Outcome {
	if a.rewritten {
		return Unsigned
	}
	return Answered
}
