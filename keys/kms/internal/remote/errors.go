package remote

import (
	"errors"
	"time"
)

// ErrUnavailable says that the key returned no signature but may do so later: the circuit
// breaker is open, every slot is taken, the deadline passed, or the key answered with an
// error. No signature was used, so trying again is safe.
var ErrUnavailable = errors.New("the signing key is unavailable")

// ErrBadSignature says that the key returned a signature that its own public key does not
// verify. Trying again does not help: the key was rotated without our knowledge, or it
// does not sign RSASSA-PKCS1-v1_5 with SHA-256.
var ErrBadSignature = errors.New("the signing key returned a signature that its own public key does not verify; it must sign RSASSA-PKCS1-v1_5 with SHA-256, and if the key was rotated, the config may have to be loaded again")

// unavailable is an ErrUnavailable with its reason.
type unavailable struct {
	reason string
	cause  error
	wait   time.Duration
}

func (e *unavailable) Error() string {
	text := ErrUnavailable.Error() + ": " + e.reason
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Is makes errors.Is(err, ErrUnavailable) true.
func (*unavailable) Is(target error) bool { return target == ErrUnavailable }

// Unwrap returns the key's own error, if there is one.
func (e *unavailable) Unwrap() error { return e.cause }

// RetryAfter returns how long to wait before trying again, at least a second. A caller
// that cannot import this package can get it with errors.As and an interface that has
// only this method.
func (e *unavailable) RetryAfter() time.Duration { return max(e.wait, time.Second) }
