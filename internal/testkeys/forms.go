package testkeys

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
)

// PKCS8 returns the DER of a private key, of any kind that crypto/x509 knows.
func PKCS8(private any) []byte { return must(x509.MarshalPKCS8PrivateKey(private)) }

// PKCS1 returns the DER of a private key in the older form, which exists only for RSA.
func PKCS1(private *rsa.PrivateKey) []byte { return x509.MarshalPKCS1PrivateKey(private) }

// SPKI returns the DER of a public key, of any kind that crypto/x509 knows.
func SPKI(public any) []byte { return must(x509.MarshalPKIXPublicKey(public)) }

// PEM returns a PEM block with the given label, which need not be the right one.
func PEM(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

// OneLine returns the form that PayerMax's dashboard shows: base64 without PEM armour or
// line breaks.
func OneLine(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

// PrivatePEM returns a private key as most files hold it: PKCS #8 in PEM.
func PrivatePEM(private any) string { return PEM("PRIVATE KEY", PKCS8(private)) }

// PublicPEM returns a public key as most files hold it: SPKI in PEM.
func PublicPEM(public any) string { return PEM("PUBLIC KEY", SPKI(public)) }

func must(der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return der
}
