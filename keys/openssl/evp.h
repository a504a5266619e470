// What the Go code needs from OpenSSL. Each function does all its work in one call, since
// OpenSSL keeps errors in a queue for each thread, and Go may continue on another thread
// after any call.
#ifndef PAYERMAX_EVP_H
#define PAYERMAX_EVP_H

#include <stddef.h>
#include <openssl/evp.h>

// payermax_configure makes OpenSSL load its configuration, unless that is done already.
// If strictly is not 0, the file must exist and all of it must work; otherwise, the file
// itself decides about errors, as for other programs. On failure, it returns 0 and sets
// *failed to OpenSSL's error code.
int payermax_configure(int strictly, unsigned long *failed);

// payermax_key makes a key from its numbers: n, e and d, and if count is 8 also the
// primes p and q, d mod p-1, d mod q-1 and 1/q mod p. The numbers follow each other, each
// with width bytes in the machine's byte order. On failure, it returns NULL and sets
// *failed to OpenSSL's error code.
EVP_PKEY *payermax_key(const unsigned char *numbers, size_t width, size_t count, unsigned long *failed);

// payermax_sign signs a SHA-256 digest with PKCS #1 v1.5 and returns the length of the
// signature, which is at most size. On failure, it returns 0 and sets *failed to
// OpenSSL's error code. Several threads may sign with one key at the same time.
size_t payermax_sign(EVP_PKEY *key, const unsigned char *digest, size_t digest_size,
	unsigned char *signature, size_t size, unsigned long *failed);

// payermax_provider returns the name of the provider that the key belongs to.
const char *payermax_provider(EVP_PKEY *key);

#endif
