package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/caddy-payermax/caddy-payermax/internal/regular"
)

// maxSecretSize is the largest secret, in bytes. It is ample for any token and any
// service account's JWT, and limits the memory that a wrong path can cost.
const maxSecretSize = 16 << 10

const redacted = "[redacted]"

// Secret is a token or a JWT. However it is printed, logged or marshalled, it appears as
// "[redacted]"; only [Secret.reveal] returns it.
type Secret struct {
	// value is a pointer because fmt does not use Secret's methods when a Secret is an
	// unexported field of a struct that is printed. For a pointer, fmt prints only the
	// address.
	value *string
}

func newSecret(text string) Secret { return Secret{value: &text} }

// reveal returns the secret itself, for the request that needs it.
func (s Secret) reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Equal reports whether two secrets are the same.
func (s Secret) Equal(other Secret) bool { return s.reveal() == other.reveal() }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.reveal() == "" }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// Format prints "[redacted]", whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// ReadSecret reads a file that contains only a secret, with optional white space around
// it. Its errors name the file, but repeat nothing of its contents.
func ReadSecret(path string) (Secret, error) {
	content, err := regular.Read(path, maxSecretSize)
	if err != nil {
		return Secret{}, err
	}
	text := bytes.TrimSpace(content)
	if err := checkSecret(text); err != nil {
		return Secret{}, fmt.Errorf("%s: %w", path, err)
	}
	return newSecret(string(text)), nil
}

// name matches an assignment as in env files and shell scripts.
var name = regexp.MustCompile(`^(export\s+)?[A-Za-z_]\w*=[^=]`)

// checkSecret refuses a text that cannot be a token. Otherwise it would be sent to a
// server that would only answer "permission denied".
func checkSecret(text []byte) error {
	switch {
	case len(text) == 0:
		return errors.New("is empty; it must contain the token and nothing else")
	case len(text) > maxSecretSize:
		return fmt.Errorf("is larger than %d KiB; it must contain the token and nothing else", maxSecretSize>>10)
	case text[0] == '{':
		return errors.New("contains JSON; it must contain the bare token (a sink of Vault Agent must neither wrap nor encrypt it)")
	}
	if bytes.ContainsAny(text[:1], "\"'`") && text[0] == text[len(text)-1] {
		return errors.New("has quotes around it, which would be sent as well; it must contain the token and nothing else")
	}
	if name.Match(text) {
		return errors.New("has the name of a setting before it; it must contain the token and nothing else")
	}
	for _, b := range text {
		if b <= ' ' || b > '~' {
			return errors.New("contains characters that no token has, such as a space or a line break; it must contain the token and nothing else")
		}
	}
	return nil
}
