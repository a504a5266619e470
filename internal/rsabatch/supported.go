package rsabatch

import (
	"crypto/fips140"
	"errors"
	"runtime"
)

// Supported returns nil if this machine and this process can sign in batches.
// Otherwise the error says why they cannot.
func Supported() error {
	switch {
	case fips140.Enabled():
		return errors.New("the process is in FIPS 140-3 mode, and this engine is not part of the validated module")
	case runtime.GOARCH != "amd64":
		return errors.New("there is no such engine for " + runtime.GOARCH + ", only for amd64")
	case !hasIFMA():
		return errors.New("the CPU does not have, or does not offer here, the AVX-512 IFMA and VL instructions")
	}
	return nil
}
