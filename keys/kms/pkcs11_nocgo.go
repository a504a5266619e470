//go:build !cgo || nopkcs11

package kms

// pkcs11Supported says that this binary can load no PKCS#11 library. The module
// is there all the same, so that a config that names it fails with a reason.
const pkcs11Supported = false

func lostSession(error) bool { return false }

func refusedPIN(error) bool { return false }
