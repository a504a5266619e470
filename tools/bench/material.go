package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	sessionPath = "/aggregate-pay/api/gateway/applyDropinSession"
	// request is what the application posts.
	request = `{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}}`
	// answer is the upstream's answer to every request.
	answer = `{"code":"APPLY_SUCCESS","msg":"Success.","data":{"clientKey":"37114858239eur2384237r810482390","sessionKey":"bdsf8982348974hhf82934bf8239424","notSupportedComponent":[]}}`
	appID  = "3b242b56a8b64274bcc37dac281120e3"
)

//go:embed post.lua
var postScript []byte

// material is what the targets are configured with: the keys generated for the run, and the files
// that hold them.
type material struct {
	dir                   string
	merchant              *rsa.PrivateKey
	privateKey, publicKey string // paths: the merchant's, and the gateway's
	signature             string // path of the answer's signature, by the gateway's key
	certificate           string // path of the upstream's certificate; its key is beside it, with the suffix .key
	wrkScript             string // path
}

func newMaterial(dir string) (*material, error) {
	merchant, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	gateway, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	m := &material{
		dir: dir, merchant: merchant,
		privateKey:  filepath.Join(dir, "private.key"),
		publicKey:   filepath.Join(dir, "gateway.pub"),
		signature:   filepath.Join(dir, "answer.sign"),
		certificate: filepath.Join(dir, "upstream.crt"),
		wrkScript:   filepath.Join(dir, "post.lua"),
	}
	private, err := x509.MarshalPKCS8PrivateKey(merchant)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&gateway.PublicKey)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(answer))
	signature, err := rsa.SignPKCS1v15(nil, gateway, crypto.SHA256, digest[:])
	if err != nil {
		return nil, err
	}
	certificate, certificateKey, err := newCertificate()
	if err != nil {
		return nil, err
	}
	for path, content := range map[string][]byte{
		m.certificate: certificate, m.certificate + ".key": certificateKey,
		m.privateKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		m.publicKey:  pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		m.wrkScript:  postScript,
		m.signature:  []byte(base64.StdEncoding.EncodeToString(signature)),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// newCertificate makes a self-signed certificate for a gateway on loopback, and its key, both in
// PEM.
func newCertificate() (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "upstream"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"127.0.0.1"}, // nginx requires a DNS name
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), nil
}
