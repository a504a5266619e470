// Package rsabatch signs with RSA keys of 2048 bits, several signatures at once, using the
// AVX-512 IFMA instructions of a CPU: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2),
// which PayerMax requires.
//
// An [Engine] computes signatures that are requested at the same time together, one to four
// of them, and verifies each with crypto/rsa before it is returned. If the engine cannot be
// used, [Supported] and [NewKey] say why, and the caller signs with crypto/rsa.
//
// The mathematics with its sources, and the reasons for believing that the time of a
// signature reveals nothing secret, are in docs/engine.md.
package rsabatch
