package rsabatch

import "crypto/sha256"

// digestInfo is the DER encoding of a SHA-256 digest up to the digest itself (RFC
// 8017, section 9.2, note 1).
var digestInfo = [...]byte{
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
}

// encode returns the encoded message for a digest: EMSA-PKCS1-v1_5 of RFC 8017, section 9.2.
func encode(digest *[sha256.Size]byte) (message [keyBits / 8]byte) {
	const separator = len(message) - sha256.Size - len(digestInfo) - 1
	message[1] = 1
	for i := 2; i < separator; i++ {
		message[i] = 0xff
	}
	copy(message[separator+1:], digestInfo[:])
	copy(message[len(message)-sha256.Size:], digest[:])
	return message
}
