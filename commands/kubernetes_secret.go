package commands

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// secret is a Kubernetes Secret for a private key.
type secret struct{ name, namespace string }

// The names and namespaces that Kubernetes accepts (RFC 1123).
var (
	secretName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
)

// newSecret returns a secret, or an error if a name is invalid.
func newSecret(name, namespace string) (*secret, error) {
	if len(name) > 253 || !secretName.MatchString(name) {
		return nil, errors.New(`--kubernetes-secret must be a name as Kubernetes takes it: lower-case letters, digits, "-" and ".", such as payermax-keys`)
	}
	if namespace != "" && (len(namespace) > 63 || !namespaceName.MatchString(namespace)) {
		return nil, errors.New(`--namespace must be a name as Kubernetes takes it: lower-case letters, digits and "-", such as payments`)
	}
	return &secret{name, namespace}, nil
}

// manifest returns the Secret in YAML. The names are quoted, since YAML would read some
// of them as numbers or other values.
func (s *secret) manifest(private []byte, public *rsa.PublicKey) []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "# The private key of %s.\n", signer.Fingerprint(public))
	fmt.Fprintf(&out, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: %q\n", s.name)
	if s.namespace != "" {
		fmt.Fprintf(&out, "  namespace: %q\n", s.namespace)
	}
	fmt.Fprintf(&out, "type: Opaque\ndata:\n  private.key: %s\n", base64.StdEncoding.EncodeToString(private))
	return []byte(out.String())
}
