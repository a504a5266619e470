package signer

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// isSSHPublic reports whether a text begins like a public key in OpenSSH's one-line
// format.
func isSSHPublic(text []byte) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if bytes.HasPrefix(text, []byte(prefix)) {
			return true
		}
	}
	return false
}

// formOfSSH returns the form of a key, given SSH's name for its algorithm (RFC 4253
// section 6.6, RFC 5656, RFC 8709). A key that is not RSA gets the form of its algorithm,
// since converting the file would not help. A key that may be RSA gets the form ofRSA.
func formOfSSH(algorithm string, ofRSA form, kind role) form {
	forms := struct{ private, public form }{ofRSA, ofRSA}
	switch {
	case strings.HasPrefix(algorithm, "ssh-ed"):
		forms = algorithms["1.3.101.112"]
	case strings.HasPrefix(algorithm, "ecdsa-"):
		forms = algorithms["1.2.840.10045.2.1"]
	case algorithm == "ssh-dss":
		forms = algorithms["1.2.840.10040.4.1"]
	case strings.HasPrefix(algorithm, "sk-"):
		forms.private, forms.public = otherPrivate, otherPublic
	}
	if kind == publicKey {
		return forms.public
	}
	return forms.private
}

// algorithmInOpenSSH returns the algorithm that OpenSSH's own format names before the
// private part, whether that is encrypted or not (PROTOCOL.key), or "".
func algorithmInOpenSSH(content []byte) string {
	rest, isOpenSSH := bytes.CutPrefix(content, []byte("openssh-key-v1\x00"))
	if !isOpenSSH {
		return ""
	}
	for range 3 { // the cipher, the key derivation function and its options
		_, rest = sshString(rest)
	}
	if len(rest) < 4 {
		return ""
	}
	public, _ := sshString(rest[4:]) // after the number of keys
	algorithm, _ := sshString(public)
	return string(algorithm)
}

// sshString splits a length-prefixed string (RFC 4251 section 5) off the beginning of
// data. It returns nil if data is too short.
func sshString(data []byte) (value, rest []byte) {
	if len(data) < 4 {
		return nil, nil
	}
	length := uint64(binary.BigEndian.Uint32(data))
	if uint64(len(data)-4) < length {
		return nil, nil
	}
	return data[4 : 4+length], data[4+length:]
}
