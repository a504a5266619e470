//go:build cgo

package openssl

// #cgo LDFLAGS: -lcrypto
// #include <openssl/crypto.h>
// #include <openssl/err.h>
// #include "evp.h"
import "C"

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"unsafe"
)

// errUnsupported is nil: this binary has OpenSSL.
var errUnsupported error

// key is a private key in OpenSSL's memory. It belongs to one generation of keys. When
// the last request that signs with it is done, a cleanup of the garbage collector makes
// OpenSSL overwrite and free it.
//
// It implements only crypto.Signer and no further interfaces of package signer: a
// signature uses this process's CPU, so it must wait for its turn like signatures by
// crypto/rsa, and it need not be cancelled.
type key struct {
	public *rsa.PublicKey
	evp    *C.EVP_PKEY
}

// configure makes OpenSSL load its configuration, once per process. OpenSSL would
// otherwise load it with the first key, and fall back to its default provider if that
// failed. If OPENSSL_CONF names a file, that is intended, so all of it must work.
var configure = sync.OnceValue(func() error {
	strictly := C.int(0)
	if os.Getenv("OPENSSL_CONF") != "" {
		strictly = 1
	}
	var failed C.ulong
	if C.payermax_configure(strictly, &failed) == 0 {
		return fmt.Errorf("OpenSSL's configuration cannot be loaded: %w", reason(failed))
	}
	return nil
})

// newKey copies the key into OpenSSL's memory. It overwrites the numbers that it has
// passed to OpenSSL; OpenSSL overwrites its own copies when the key is freed.
func newKey(private *rsa.PrivateKey) (*key, error) {
	if err := configure(); err != nil {
		return nil, err
	}
	width := private.Size()
	numbers := numbersOf(private, width)
	defer clear(numbers)
	var failed C.ulong
	evp := C.payermax_key((*C.uchar)(unsafe.SliceData(numbers)), C.size_t(width), C.size_t(len(numbers)/width), &failed)
	if evp == nil {
		return nil, reason(failed)
	}
	k := &key{public: &rsa.PublicKey{N: private.N, E: private.E}, evp: evp}
	runtime.AddCleanup(k, func(evp *C.EVP_PKEY) { C.EVP_PKEY_free(evp) }, evp)
	return k, nil
}

// numbersOf returns the numbers of the key in the format that evp.h describes. A key with
// more than two primes signs without its primes.
func numbersOf(private *rsa.PrivateKey, width int) []byte {
	numbers := []*big.Int{private.N, big.NewInt(int64(private.E)), private.D}
	if len(private.Primes) == 2 {
		private.Precompute()
		numbers = append(numbers, private.Primes[0], private.Primes[1],
			private.Precomputed.Dp, private.Precomputed.Dq, private.Precomputed.Qinv)
	}
	text := make([]byte, len(numbers)*width)
	for i, number := range numbers {
		field := text[i*width : (i+1)*width]
		number.FillBytes(field)
		if isLittleEndian() {
			slices.Reverse(field)
		}
	}
	return text
}

// isLittleEndian reports whether the machine is little-endian.
func isLittleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

// Public returns the public half.
func (k *key) Public() crypto.PublicKey { return k.public }

// Sign signs a SHA-256 digest with PKCS #1 v1.5. The source of randomness is ignored:
// OpenSSL uses its own, for blinding. The signature is not verified here; the caller must
// do that, as signer.Sign does.
func (k *key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, isPSS := opts.(*rsa.PSSOptions); isPSS || opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, errors.New("OpenSSL is asked for PKCS #1 v1.5 signatures of SHA-256 digests only")
	}
	signature := make([]byte, k.public.Size())
	var failed C.ulong
	length := C.payermax_sign(k.evp,
		(*C.uchar)(unsafe.SliceData(digest)), C.size_t(len(digest)),
		(*C.uchar)(unsafe.SliceData(signature)), C.size_t(len(signature)), &failed)
	runtime.KeepAlive(k)
	if length == 0 {
		return nil, fmt.Errorf("OpenSSL cannot sign: %w", reason(failed))
	}
	return signature[:length], nil
}

// Engine returns the name of the engine that computes the signatures.
func (k *key) Engine() string { return "openssl" }

// provider returns the name of the OpenSSL provider that signs, such as default or fips.
func (k *key) provider() string {
	name := C.GoString(C.payermax_provider(k.evp))
	runtime.KeepAlive(k)
	return name
}

// version returns the version of the library that this process has loaded, which may be
// newer than the headers that it was built with.
func version() string { return C.GoString(C.OpenSSL_version(C.OPENSSL_VERSION)) }

// reason returns the meaning of an OpenSSL error code, as one of the library's fixed
// texts. Details that OpenSSL may add are left out, since they might quote the key.
func reason(code C.ulong) error {
	if code&C.ERR_SYSTEM_FLAG != 0 {
		return syscall.Errno(code &^ C.ERR_SYSTEM_FLAG)
	}
	text := C.ERR_reason_error_string(code)
	if text == nil {
		return fmt.Errorf("OpenSSL gives no reason (error %08X)", uint64(code))
	}
	return fmt.Errorf("%s (OpenSSL error %08X)", C.GoString(text), uint64(code))
}
