//go:build !cgo || nopkcs11

package kms

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPKCS11WithoutCgo(t *testing.T) {
	_, _, err := loadSource(t, "pkcs11 pkcs11:token=payermax;object=signing")
	assert.ErrorContains(t, err, "built without cgo")
}
