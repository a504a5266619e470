package signer

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// role is what a key is needed as: a private key or a public key.
type role int

const (
	privateKey role = iota
	publicKey
)

// String returns the role in words, for messages.
func (r role) String() string {
	if r == publicKey {
		return "public key"
	}
	return "private key"
}

// label returns the PEM label of the algorithm-neutral form, RFC 7468 sections 10 and 13.
func (r role) label() string {
	if r == publicKey {
		return "PUBLIC KEY"
	}
	return "PRIVATE KEY"
}

// fits reports whether a key of this form can be used in the role.
func (f form) fits(want role) bool {
	if want == publicKey {
		return f == spki || f == pkcs1Public
	}
	return f == pkcs8 || f == pkcs1Private
}

// newKeyCommand generates a key that PayerMax accepts.
const newKeyCommand = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out new-private.pem"

// Texts that several refusals share.
const (
	makeRSA       = ", but PayerMax's signature needs RSA; make a new key with: " + newKeyCommand + " and give PayerMax its public key"
	copyRSA       = ", but PayerMax's is an RSA key; copy it again from PayerMax's dashboard"
	isPublic      = "it is a public key, but the private key is expected here: the one that is secret and has PRIVATE KEY in its first line"
	isPrivate     = "it is a private key, but a public key is expected here: for PayerMax's signatures the one that its dashboard shows; keep the private key secret"
	fromKeystore  = "openssl pkcs12 -in FILE -nocerts -nodes -out FILE.pem"
	certFromStore = "openssl pkcs12 -in FILE -nokeys -nodes | openssl x509 -pubkey -noout > FILE.pem"
	fromP12       = "openssl pkcs12 -in FILE.p12 -nocerts -nodes -out FILE.pem"
	certFromP12   = "openssl pkcs12 -in FILE.p12 -nokeys -nodes | openssl x509 -pubkey -noout > FILE.pem"
)

// Whether openssl needs -legacy for an old keystore depends on its version, and LibreSSL
// does not have that option. So these commands try both.
const (
	fromLegacy     = fromKeystore + " || openssl pkcs12 -legacy -in FILE -nocerts -nodes -out FILE.pem"
	certFromLegacy = "(openssl pkcs12 -in FILE -nokeys -nodes || openssl pkcs12 -legacy -in FILE -nokeys -nodes) | openssl x509 -pubkey -noout > FILE.pem"
)

// toPKCS12 is the command that converts a Java keystore to PKCS#12.
var toPKCS12 = Privately("keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12")

// byBouncyCastle returns the beginning of the refusal of a Bouncy Castle keystore. Java
// needs Bouncy Castle's library to convert it.
func byBouncyCastle(keystore string) string {
	return "it is a Bouncy Castle keystore (" + keystore + "); get Bouncy Castle's bcprov.jar, and convert it with: " +
		Privately("keytool -importkeystore -srckeystore FILE -srcstoretype "+keystore+" -providerclass org.bouncycastle.jce.provider.BouncyCastleProvider -providerpath bcprov.jar -destkeystore FILE.p12 -deststoretype PKCS12") +
		" and then: "
}

// refusals has the error text for each form that cannot be used, by whether a private or
// a public key is expected. FILE stands for the path of the refused file.
var refusals = map[form]struct{ private, public string }{
	pkcs8:        {public: isPrivate},
	pkcs1Private: {public: isPrivate},
	spki:         {private: isPublic},
	pkcs1Public:  {private: isPublic},
	encryptedPrivate: {
		private: "it is encrypted with a passphrase, which nobody can type when the sidecar starts; decrypt it with: openssl pkcs8 -topk8 -nocrypt -in FILE -out FILE.pem",
		public:  isPrivate,
	},
	ecPrivate:      {private: "it is an EC key" + makeRSA, public: isPrivate},
	ecPublic:       {private: isPublic, public: "it is an EC key" + copyRSA},
	edwardsPrivate: {private: "it is an Ed25519 or Ed448 key" + makeRSA, public: isPrivate},
	edwardsPublic:  {private: isPublic, public: "it is an Ed25519 or Ed448 key" + copyRSA},
	dsaPrivate:     {private: "it is a DSA key" + makeRSA, public: isPrivate},
	dsaPublic:      {private: isPublic, public: "it is a DSA key" + copyRSA},
	pssPrivate:     {private: "it is an RSA key that is restricted to PSS signatures, but PayerMax uses PKCS #1 v1.5; make a new key with: " + newKeyCommand + " and give PayerMax its public key", public: isPrivate},
	pssPublic:      {private: isPublic, public: "it is an RSA key that is restricted to PSS signatures, but PayerMax uses PKCS #1 v1.5; copy PayerMax's public key again from its dashboard"},
	otherPrivate:   {private: "it is a key of another algorithm" + makeRSA, public: isPrivate},
	otherPublic:    {private: isPublic, public: "it is a key of another algorithm" + copyRSA},
	opensshPrivate: {
		private: "it is in OpenSSH's own format; convert a copy of it with: install -m 600 FILE FILE.pem && ssh-keygen -p -N '' -m PKCS8 -f FILE.pem",
		public:  isPrivate,
	},
	opensshPublic: {
		private: isPublic,
		public:  "it is in OpenSSH's own format; convert it with: ssh-keygen -e -m PKCS8 -f FILE > FILE.pem",
	},
	ssh2Public: {
		private: isPublic,
		public:  "it is in the format of RFC 4716, as ssh-keygen -e writes it; convert it with: ssh-keygen -i -m RFC4716 -f FILE > FILE.ssh && ssh-keygen -e -m PKCS8 -f FILE.ssh > FILE.pem",
	},
	certificate: {
		private: "it is a certificate, which holds a public key only, but the private key is expected here",
		public:  "it is a certificate; take the public key out of it with: openssl x509 -in FILE -pubkey -noout > FILE.pem",
	},
	certificateRequest: {
		private: "it is a certificate request, which holds a public key only, but the private key is expected here",
		public:  "it is a certificate request; take the public key out of it with: openssl req -in FILE -pubkey -noout > FILE.pem",
	},
	pkcs7: {
		private: "it is a PKCS #7 file, which holds certificates only, but the private key is expected here",
		public:  "it is a PKCS #7 file; take the public key out of its first certificate with: openssl pkcs7 -in FILE -print_certs | openssl x509 -pubkey -noout > FILE.pem",
	},
	jwk: {
		private: "it is a JSON Web Key; have the program that made it export the private key as PKCS #8 in PEM",
		public:  isPrivate,
	},
	jwkPublic: {
		private: "it is a public key, in a JSON Web Key, but the private key is expected here; have the program that made it export that as PKCS #8 in PEM",
		public:  "it is a JSON Web Key; copy PayerMax's public key again from its dashboard, which shows it in base64",
	},
	dotNetXML: {
		private: "it is XML, as .NET's ToXmlString writes keys; export it with ExportPkcs8PrivateKeyPem instead",
		public:  isPrivate,
	},
	dotNetXMLPublic: {
		private: "it is a public key, in XML as .NET's ToXmlString writes it, but the private key is expected here; export that with ExportPkcs8PrivateKeyPem",
		public:  "it is XML, as .NET's ToXmlString writes keys; export it with ExportSubjectPublicKeyInfoPem instead",
	},
	putty: {
		private: "it is in PuTTY's format; convert it with: puttygen FILE -O private-openssh -o FILE.pem",
		public:  isPrivate,
	},
	pgp: {
		private: "it is a key of OpenPGP, which PayerMax does not use; make a new key with: " + newKeyCommand + " and give PayerMax its public key",
		public:  "it is a key of OpenPGP; copy PayerMax's public key again from its dashboard",
	},
	pkcs12: {
		private: "it is a PKCS #12 keystore; take the private key out of it with: " + fromKeystore,
		public:  "it is a PKCS #12 keystore; take the public key out of it with: " + certFromStore,
	},
	pkcs12Legacy: {
		private: "it is a PKCS #12 keystore; take the private key out of it with: " + fromLegacy,
		public:  "it is a PKCS #12 keystore; take the public key out of it with: " + certFromLegacy,
	},
	bks:  {byBouncyCastle("BKS") + fromP12, byBouncyCastle("BKS") + certFromP12},
	uber: {byBouncyCastle("UBER") + fromP12, byBouncyCastle("UBER") + certFromP12},
	javaKeystore: {
		private: "it is a Java keystore; convert it with: " + toPKCS12 + " and then: " + fromP12,
		public:  "it is a Java keystore; convert it with: " + toPKCS12 + " and then: " + certFromP12,
	},
}

// refusal returns the error for a form that cannot be used in the role.
func refusal(f form, want role) error {
	if want == publicKey {
		return errors.New(refusals[f].public)
	}
	return errors.New(refusals[f].private)
}

// refusalInDER returns the same error for a binary file. Some of openssl's subcommands
// need an option to read binary DER.
func refusalInDER(f form, want role) error {
	return errors.New(strings.NewReplacer("openssl pkcs7 ", "openssl pkcs7 -inform DER ", "openssl req ", "openssl req -inform DER ").Replace(refusal(f, want).Error()))
}

// bareFirst is the advice for base64 that no simple command can extract from its file.
const bareFirst = "leave only the base64 in the file, and check it again"

// digitsFirst is the same advice for hexadecimal.
const digitsFirst = "leave only the hexadecimal digits in the file, without 0x, and check it again"

// refuseTwice refuses the base64 of a text that is itself a key, or another form of one.
// inside describes that text.
func refuseTwice(text []byte, inside string) error {
	if inside == keyAlready {
		inside += ", as Kubernetes shows Secrets"
	}
	twice := "it is base64 of " + inside + "; "
	decode := decodeBase64(text)
	if decode == "" {
		return errors.New(twice + bareFirst)
	}
	return errors.New(twice + "decode it once with: " + Privately(decode+" > FILE.decoded"))
}

// refuseInBase64 returns the error for a form that cannot be used and was found in base64
// without armour. The programs that convert it do not read base64, so the advice begins
// with a command that decodes it.
func refuseInBase64(text []byte, f form, want role) error {
	return refusalAfter(decodeBase64(text), bareFirst, f, want)
}

// refusalAfter returns the error for a form that cannot be used, if the command decode must
// first write it as DER. If decode is "", first is the advice instead.
func refusalAfter(decode, first string, f form, want role) error {
	message := refusalInDER(f, want).Error()
	before, command, _ := strings.Cut(message, "with: ")
	switch {
	case !strings.Contains(command, "FILE "):
		return errors.New(message)
	case decode == "":
		return errors.New(before[:strings.LastIndex(before, "; ")] + "; " + first)
	}
	return errors.New(before + "with: " + Privately(decode+" > FILE.der") + " and then: " + strings.ReplaceAll(command, "FILE", "FILE.der"))
}

// refusalIn returns the error for a form that cannot be used, with commands that work on
// the text as it is.
func refusalIn(text []byte, f form, want role) error {
	if bytes.Contains(text, []byte("-----BEGIN")) {
		return asWritten(text, refusal(f, want))
	}
	return refuseInBase64(text, f, want)
}

// placeholder matches the word that stands for the file in the commands of refusals.
var placeholder = regexp.MustCompile(`\bFILE\b`)

// ForFile replaces the word FILE in the commands of an error by the path of the file, so
// that they can be pasted into a POSIX shell as they are. This also works from a JSON log,
// unless the path has a quote or a backslash, which the log escapes. ForFile returns the
// error unchanged if the path is not valid UTF-8 or has control characters, which cannot be
// pasted.
func ForFile(err error, path string) error {
	if path == "" || !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) || !placeholder.MatchString(err.Error()) {
		return err
	}
	return errors.New(placeholder.ReplaceAllLiteralString(err.Error(), ShellPath(path)))
}
