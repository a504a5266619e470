// Package clouds tests the key sources for AWS, Google Cloud and Azure against
// stand-ins for the clouds' own APIs.
//
// The clouds' clients have no common way to set another endpoint. So they use the real
// host names, through a proxy that leads to the stand-ins, and trust an authority that
// has issued certificates for them. The tests cover everything that the clients really
// send and accept: TLS, HTTP, gRPC, authentication and encodings. No packet leaves this
// machine, because the proxy knows only the stand-ins' names.
package clouds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

const (
	awsHost        = "kms.eu-central-1.amazonaws.com"
	gcpHost        = "cloudkms.googleapis.com"
	azureVaultHost = "shop.vault.azure.net"
	azureLoginHost = "login.microsoftonline.com"
)

func TestMain(m *testing.M) {
	if runtime.GOOS != "linux" {
		fmt.Println("these tests need a Go that takes its authorities from SSL_CERT_FILE, as it does on Linux")
		return
	}
	dir, err := os.MkdirTemp("", "clouds")
	check(err)
	certificate := authority(filepath.Join(dir, "authority.pem"), awsHost, gcpHost, azureVaultHost, azureLoginHost)
	proxy := httptest.NewServer(proxyTo(map[string]string{
		awsHost + ":443":        serveHTTPS(certificate, http.HandlerFunc(serveAWS)),
		gcpHost + ":443":        serveGCP(certificate),
		azureVaultHost + ":443": serveHTTPS(certificate, http.HandlerFunc(serveVault)),
		azureLoginHost + ":443": serveHTTPS(certificate, http.HandlerFunc(serveLogin)),
	}))

	// Go reads these once per process, so a test cannot set them.
	for name, value := range map[string]string{
		"HTTPS_PROXY": proxy.URL, "https_proxy": "", "NO_PROXY": "", "no_proxy": "",
		"SSL_CERT_FILE": filepath.Join(dir, "authority.pem"), "SSL_CERT_DIR": dir, "AWS_CA_BUNDLE": "",
		"AWS_ACCESS_KEY_ID": awsAccessKey, "AWS_SECRET_ACCESS_KEY": awsSecretKey,
		"AWS_CONFIG_FILE": filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
		"PAYERMAX_TEST_CLIENT_SECRET": azureSecret,
		"PAYERMAX_TEST_GCP_FILE":      gcpCredentials(filepath.Join(dir, "gcp.json")),
	} {
		check(os.Setenv(name, value))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// authority returns a self-signed certificate for the hosts, and writes it to a file as
// the authority to trust.
func authority(path string, hosts ...string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "stand-in"},
		DNSNames:              hosts,
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(err)
	check(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	return listener
}

func serveHTTPS(certificate tls.Certificate, handler http.Handler) (address string) {
	listener := listen()
	server := &http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go func() { check(server.ServeTLS(listener, "", "")) }()
	return listener.Addr().String()
}

// proxyTo returns a CONNECT proxy that leads to the stand-ins.
func proxyTo(addresses map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address, known := addresses[r.Host]
		if r.Method != http.MethodConnect || !known {
			fmt.Fprintf(os.Stderr, "the proxy was asked for %s %s\n", r.Method, r.Host)
			http.Error(w, "no such stand-in", http.StatusForbidden)
			return
		}
		upstream, err := net.Dial("tcp", address)
		check(err)
		client, _, err := http.NewResponseController(w).Hijack()
		check(err)
		_, err = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
		check(err)
		go func() {
			_, _ = io.Copy(upstream, client)
			_ = upstream.Close()
		}()
		_, _ = io.Copy(client, upstream)
		_ = client.Close()
	})
}
