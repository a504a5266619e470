package redis

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/caddy-payermax/caddy-payermax/internal/confinement"
	"github.com/caddy-payermax/caddy-payermax/internal/regular"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
)

// maxSecret is the maximum size of a file with a secret, in bytes.
const maxSecret = 64 << 10

// readPassword reads a file that contains only a password.
func readPassword(path string) (string, error) {
	content, err := readSecret(path)
	switch {
	case err != nil && !filepath.IsAbs(path):
		return "", errors.New("cannot read the file that it names, which is not repeated here, since it may be the password itself; expected the absolute path of a file that contains the password")
	case err != nil:
		return "", err
	}
	password := bytes.TrimRight(content, "\r\n")
	if len(password) == 0 {
		return "", fmt.Errorf("%s: is empty; write the password into it", path)
	}
	if err := setting.CheckPassword(string(password), path); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(password), nil
}

// readSecret reads a file. Its error says so if the confinement of this process forbids
// reading it.
func readSecret(path string) ([]byte, error) {
	content, err := regular.Read(path, maxSecret)
	return content, confinement.Explain(err)
}
