//go:build cgo && !nopkcs11

package kms

import (
	"errors"
	"slices"

	"github.com/miekg/pkcs11"
	_ "go.step.sm/crypto/kms/pkcs11" // registers itself
)

// pkcs11Supported says that this binary can load a PKCS#11 library.
const pkcs11Supported = true

// lostCodes mean that sessions, the login or object handles are lost, and that a new
// login may help. CKR_GENERAL_ERROR and CKR_FUNCTION_FAILED are included because the
// libraries of network HSMs return them when their connection drops.
var lostCodes = []pkcs11.Error{
	pkcs11.CKR_SESSION_HANDLE_INVALID,
	pkcs11.CKR_SESSION_CLOSED,
	pkcs11.CKR_USER_NOT_LOGGED_IN,
	pkcs11.CKR_KEY_HANDLE_INVALID,
	pkcs11.CKR_OBJECT_HANDLE_INVALID,
	pkcs11.CKR_DEVICE_REMOVED,
	pkcs11.CKR_DEVICE_ERROR,
	pkcs11.CKR_TOKEN_NOT_PRESENT,
	pkcs11.CKR_TOKEN_NOT_RECOGNIZED,
	pkcs11.CKR_SLOT_ID_INVALID,
	pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED,
	pkcs11.CKR_GENERAL_ERROR,
	pkcs11.CKR_FUNCTION_FAILED,
}

// refusedCodes mean that this PIN does not work, however often it is sent.
var refusedCodes = []pkcs11.Error{
	pkcs11.CKR_PIN_INCORRECT,
	pkcs11.CKR_PIN_INVALID,
	pkcs11.CKR_PIN_LEN_RANGE,
	pkcs11.CKR_PIN_EXPIRED,
	pkcs11.CKR_PIN_LOCKED,
}

// lostSession reports whether the key must be reopened.
func lostSession(err error) bool { return hasCode(err, lostCodes) }

// refusedPIN reports whether the token has refused the PIN.
func refusedPIN(err error) bool { return hasCode(err, refusedCodes) }

func hasCode(err error, codes []pkcs11.Error) bool {
	var code pkcs11.Error
	return errors.As(err, &code) && slices.Contains(codes, code)
}
