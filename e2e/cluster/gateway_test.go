package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

const (
	success    = "APPLY_SUCCESS"
	refused    = "SIGN_VERIFY_FAILED"
	uat        = "pay-gate-uat.payermax.com"
	production = "pay-gate.payermax.com"
)

// authority certifies the gateway.
type authority struct {
	certificate []byte // as PEM
	pair        tls.Certificate
}

// newAuthority makes a self-signed certificate for PayerMax's names.
func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway of the tests"}, DNSNames: []string{uat, uat6, production},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &authority{
		certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pair:        tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
	}, nil
}

// gateway stands in for PayerMax, outside the cluster and under PayerMax's name. It verifies the
// calls that it receives, and signs its answers.
type gateway struct {
	key *rsa.PrivateKey

	mu        sync.Mutex
	merchants []*merchant
}

// merchant is a merchant that the gateway knows by a key.
type merchant struct {
	key    atomic.Pointer[rsa.PublicKey] // the public key that the merchant has uploaded
	delay  atomic.Int64                  // how long to wait before an answer, as a time.Duration
	served atomic.Int64
}

func serveGateway(m *machine.Machine, a *authority) (*gateway, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	g := &gateway{key: key}
	server := &http.Server{
		Handler: g, TLSConfig: &tls.Config{Certificates: []tls.Certificate{a.pair}},
		ErrorLog: log.New(io.Discard, "", 0), // would log probes that only connect
	}
	for _, address := range []string{machine.Public, machine.Public6} {
		listener, err := m.ListenOutside(net.JoinHostPort(address, "443"))
		if err != nil {
			return nil, err
		}
		go func() { _ = server.ServeTLS(listener, "", "") }()
	}
	return g, nil
}

// sign signs a text as PayerMax does.
func (g *gateway) sign(text []byte) (string, error) {
	digest := sha256.Sum256(text)
	signature, err := rsa.SignPKCS1v15(nil, g.key, crypto.SHA256, digest[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

// ServeHTTP answers one call. Unknown signatures are refused.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	signature, _ := base64.StdEncoding.DecodeString(r.Header.Get("Sign"))
	answer := []byte(`{"code":"` + refused + `","msg":"sign verify failed"}`)
	if m := g.whose(body, signature); m != nil {
		time.Sleep(time.Duration(m.delay.Load()))
		m.served.Add(1)
		answer = []byte(`{"code":"` + success + `","msg":"Success.","data":{"clientKey":"37114858239eur2384237r810482390","sessionKey":"bdsf8982348974hhf82934bf8239424","notSupportedComponent":[]}}`)
	}
	sign, err := g.sign(answer)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Sign", sign)
	_, _ = w.Write(answer)
}

// whose returns the merchant whose key made the signature.
func (g *gateway) whose(body, signature []byte) *merchant {
	digest := sha256.Sum256(body)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.merchants {
		if rsa.VerifyPKCS1v15(m.key.Load(), crypto.SHA256, digest[:], signature) == nil {
			return m
		}
	}
	return nil
}

// enrol registers a merchant, and returns it with its private key as PEM.
func (g *gateway) enrol(t *testing.T) (m *merchant, private []byte) {
	t.Helper()
	private, public := newKey(t)
	m = new(merchant)
	m.key.Store(public)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.merchants = append(g.merchants, m)
	return m, private
}

// newKey generates a merchant's key.
func newKey(t *testing.T) (private []byte, public *rsa.PublicKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), &key.PublicKey
}

// keyFolder returns a directory with the files that the README's commands expect: the merchant's
// key and PayerMax's.
func (g *gateway) keyFolder(t *testing.T, private []byte) string {
	t.Helper()
	folder := t.TempDir()
	der, err := x509.MarshalPKIXPublicKey(&g.key.PublicKey)
	require.NoError(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	require.NoError(t, os.WriteFile(filepath.Join(folder, "payermax.pub"), public, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "private.key"), private, 0o600))
	return folder
}
