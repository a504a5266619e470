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

// secret is a Kubernetes Secret with a private key in it.
type secret struct{ name, namespace string }

// What Kubernetes takes as a name and as a namespace (RFC 1123).
var (
	secretName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
)

// newSecret checks the names.
func newSecret(name, namespace string) (*secret, error) {
	if len(name) > 253 || !secretName.MatchString(name) {
		return nil, errors.New(`--kubernetes-secret must be a name as Kubernetes takes it: lower-case letters, digits, "-" and ".", such as payermax-keys`)
	}
	if namespace != "" && (len(namespace) > 63 || !namespaceName.MatchString(namespace)) {
		return nil, errors.New(`--namespace must be a name as Kubernetes takes it: lower-case letters, digits and "-", such as payments`)
	}
	return &secret{name, namespace}, nil
}

// manifest is the Secret in YAML. The names in it need no quotes but for those that YAML
// would read as numbers and the like.
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
