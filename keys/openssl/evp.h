// What the Go code needs of OpenSSL: each function is one call, since errors wait in
// a queue of the thread, and Go may continue on another thread after any call.
#ifndef PAYERMAX_EVP_H
#define PAYERMAX_EVP_H

#include <stddef.h>
#include <openssl/evp.h>

// payermax_configure has OpenSSL load its configuration, unless it has. Strictly, the
// file must be there and all of it must work; otherwise that is up to what the file
// says, as for other programs. If it fails, it returns 0, and failed is OpenSSL's code
// for the reason.
int payermax_configure(int strictly, unsigned long *failed);

// payermax_key makes a key of its numbers: n, e and d, and if there are count = 8 of
// them the primes p and q, d mod p-1, d mod q-1 and 1/q mod p. They stand one after
// the other, each in width bytes in the machine's byte order. If it fails, it returns
// NULL, and failed is OpenSSL's code for the reason.
EVP_PKEY *payermax_key(const unsigned char *numbers, size_t width, size_t count, unsigned long *failed);

// payermax_sign signs a SHA-256 digest by PKCS #1 v1.5 and returns the length of the
// signature, which is at most size. If it fails, it returns 0, and failed is
// OpenSSL's code for the reason. Threads may sign with one key at once.
size_t payermax_sign(EVP_PKEY *key, const unsigned char *digest, size_t digest_size,
	unsigned char *signature, size_t size, unsigned long *failed);

// payermax_provider returns the name of the provider that has the key.
const char *payermax_provider(EVP_PKEY *key);

#endif
