package commands

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// demoKeys are the two key pairs of a demonstration. The halves that the sidecar needs
// are files, as if mounted from a Secret.
type demoKeys struct {
	merchant, gateway         *rsa.PrivateKey
	dir                       string
	merchantPath, gatewayPath string
}

// makeDemoKeys generates the keys and writes the sidecar's halves to a temporary
// directory that only this user can access.
func makeDemoKeys() (k *demoKeys, err error) {
	k = new(demoKeys)
	if k.merchant, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	if k.gateway, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(k.merchant)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&k.gateway.PublicKey)
	if err != nil {
		return nil, err
	}

	if k.dir, err = os.MkdirTemp("", "payermax-demo-"); err != nil {
		return nil, fmt.Errorf("the demonstration keeps its keys in a temporary directory: %w; set TMPDIR to a writable directory", err)
	}
	k.merchantPath = filepath.Join(k.dir, "private.key")
	k.gatewayPath = filepath.Join(k.dir, "payermax.pub")
	for path, block := range map[string]*pem.Block{
		k.merchantPath: {Type: "PRIVATE KEY", Bytes: private},
		k.gatewayPath:  {Type: "PUBLIC KEY", Bytes: public},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			k.remove()
			return nil, err
		}
	}
	return k, nil
}

// remove deletes the files.
func (k *demoKeys) remove() { _ = os.RemoveAll(k.dir) }
