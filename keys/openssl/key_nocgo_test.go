//go:build !cgo

package openssl

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWithoutCgo(t *testing.T) {
	_, err := load(t, "openssl private.key")
	assert.ErrorContains(t, err, "built without cgo")
	assert.ErrorContains(t, err, "key file")
}
