//go:build !cgo

package openssl

import (
	"crypto"
	"crypto/rsa"
	"errors"
)

// errUnsupported says why this binary has no OpenSSL. The module is still registered, so
// that a config that names it fails with a reason.
var errUnsupported = errors.New("this binary cannot use OpenSSL, because it was built without cgo; build it with CGO_ENABLED=1, a C compiler and OpenSSL's headers, or write key file instead")

// key is never created in this build.
type key struct{ crypto.Signer }

func newKey(*rsa.PrivateKey) (*key, error) { return nil, errUnsupported }

func (*key) provider() string { return "" }

func version() string { return "" }
