package doctor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// fileKey is a key in a file, as the configuration names it.
func fileKey(path string) *Key { return &Key{Source: SourceFile, Path: value("private_key", path)} }

// value is an option that is in order.
func value(name, value string) Option { return Option{Name: name, Value: value} }

// requireSilent checks that a text shows no part of a key, whatever form it has.
func requireSilent(t *testing.T, text string, keys ...*rsa.PrivateKey) {
	t.Helper()
	const window = 16
	for _, key := range keys {
		for _, der := range [][]byte{testkeys.PKCS8(key), testkeys.PKCS1(key)} {
			encoded := testkeys.OneLine(der)
			for i := 0; i+window <= len(encoded); i++ {
				require.False(t, strings.Contains(text, encoded[i:i+window]), "a part of a key is told")
			}
		}
	}
}

// only returns the one result of a check by that name.
func only(t *testing.T, results []Result, check string) Result {
	t.Helper()
	var found []Result
	for _, r := range results {
		if r.Check == check {
			found = append(found, r)
		}
	}
	require.Len(t, found, 1, "results of %s in %v", check, results)
	return found[0]
}

// distantKey is a key that lives somewhere else.
type distantKey struct {
	key   *rsa.PrivateKey
	delay time.Duration
	fails bool
}

func (k distantKey) Public() crypto.PublicKey { return k.key.Public() }

func (k distantKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	time.Sleep(k.delay)
	if k.fails {
		return nil, errors.New("the HSM is asleep")
	}
	return k.key.Sign(random, digest, opts)
}

// authority is a CA that exists for one test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return authority{certificate, key}
}

// issue makes a server's certificate.
func (a authority) issue(t *testing.T, host string, from, until time.Time) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host},
		NotBefore: from, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
}

// trust is the client's side.
func (a authority) trust() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &tls.Config{RootCAs: pool}
}
