// Package rsabatch signs with RSA keys of 2048 bits, several signatures at once, by
// the AVX-512 IFMA instructions of a CPU: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017,
// section 8.2), which is what PayerMax asks for.
//
// An [Engine] has the signatures that wait at the same time computed together, one
// to four of them, and verifies each by crypto/rsa before it is returned. Where the
// engine cannot be used, [Supported] and [NewKey] say why, and the caller signs by
// crypto/rsa.
//
// The mathematics, with their sources, and the reasons for believing that nothing
// secret is in the time that a signature takes, are in docs/engine.md.
package rsabatch
