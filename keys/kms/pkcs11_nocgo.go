//go:build !cgo || nopkcs11

package kms

// pkcs11Supported says that this binary cannot load PKCS#11 libraries. The module is
// still registered, so that a config that names it fails with a reason.
const pkcs11Supported = false

func lostSession(error) bool { return false }

func refusedPIN(error) bool { return false }
