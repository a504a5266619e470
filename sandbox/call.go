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

	// Header and Body are the request's, as received. Body is nil when the path or the method was refused.
	Header http.Header
	Body   []byte

	// Verified says that the request bore one valid signature of the merchant it names.
	Verified bool

	// Code and Msg are the answer's. They are empty when the request was refused in plain text, by a status alone.
	Code, Msg string

	// Answer is the answer's body and AnswerSign its sign header, which plain text has none of.
	Answer     []byte
	AnswerSign string
}
