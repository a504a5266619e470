package signer

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// isSSHPublic recognises the line of a public key of OpenSSH.
func isSSHPublic(text []byte) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if bytes.HasPrefix(text, []byte(prefix)) {
			return true
		}
	}
	return false
}

// formOfSSH is the form of a key by the name that SSH has for its algorithm (RFC 4253
// section 6.6, RFC 5656, RFC 8709). A key that is not RSA is named as that, since no
// conversion of the file helps. What may be RSA has the form ofRSA.
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

// algorithmInOpenSSH is the algorithm that OpenSSH's own format names before the private
// part, encrypted or not (PROTOCOL.key), or "".
func algorithmInOpenSSH(content []byte) string {
	rest, isOpenSSH := bytes.CutPrefix(content, []byte("openssh-key-v1\x00"))
	if !isOpenSSH {
		return ""
	}
	for range 3 { // the cipher, how its key is derived, and the options of that
		_, rest = sshString(rest)
	}
	if len(rest) < 4 {
		return ""
	}
	public, _ := sshString(rest[4:]) // behind the number of keys
	algorithm, _ := sshString(public)
	return string(algorithm)
}

// sshString cuts a string with its length before it from data (RFC 4251 section 5).
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
