package redis

import (
	"bytes"
	"fmt"

	"github.com/caddy-payermax/caddy-payermax/internal/confinement"
	"github.com/caddy-payermax/caddy-payermax/internal/regular"
)

// maxSecret is how large a file with a secret may be.
const maxSecret = 64 << 10

// readPassword reads a file with a password and nothing else.
func readPassword(path string) (string, error) {
	content, err := readSecret(path)
	if err != nil {
		return "", err
	}
	password := bytes.TrimRight(content, "\r\n")
	if len(password) == 0 {
		return "", fmt.Errorf("%s: is empty; write the password into it", path)
	}
	if bytes.ContainsAny(password, "\r\n") {
		return "", fmt.Errorf("%s: has several lines, but a password has one", path)
	}
	return string(password), nil
}

// readSecret reads a file, and says so if this process may not.
func readSecret(path string) ([]byte, error) {
	content, err := regular.Read(path, maxSecret)
	return content, confinement.Explain(err)
}
