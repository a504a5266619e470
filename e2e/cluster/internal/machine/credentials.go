package machine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// users are the clients of the API server, and their groups.
var users = map[string]struct{ name, group string }{
	"admin":                   {"admin", "system:masters"},
	"kubelet":                 {"system:node:" + nodeName, "system:nodes"},
	"kube-controller-manager": {"system:kube-controller-manager", ""},
	"kube-scheduler":          {"system:kube-scheduler", ""},
	"kube-proxy":              {"system:kube-proxy", ""},
	"kube-network-policies":   {"policies", "system:masters"},
}

// writeCredentials writes the keys of the cluster, and a token and a kubeconfig for each user. They
// live as long as the machine.
func writeCredentials(folder string) error {
	path := func(name string) string { return filepath.Join(folder, name) }
	certificate := path("certificates/api.crt")
	if err := writeCertificate(certificate, path("certificates/api.key"), x509.Certificate{
		Subject: pkix.Name{CommonName: "kube-apiserver"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"},
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP(NodeIP), net.ParseIP("10.96.0.1")},
	}); err != nil {
		return err
	}
	if err := writeCertificate(path("certificates/proxy.crt"), path("certificates/proxy.key"), x509.Certificate{
		Subject: pkix.Name{CommonName: "front-proxy-client"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return err
	}
	accounts, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	if err := writePEM(path("certificates/accounts.key"), "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(accounts)); err != nil {
		return err
	}
	var tokens strings.Builder
	for file, user := range users {
		token := rand.Text()
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", token, user.name, user.name, user.group)
		config := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: "https://127.0.0.1:%s", certificate-authority: %q}}]
users: [{name: me, user: {token: %s}}]
contexts: [{name: here, context: {cluster: here, user: me}}]
current-context: here
`, apiPort, certificate, token)
		if err := os.WriteFile(path(file+".kubeconfig"), []byte(config), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(path("certificates/tokens.csv"), []byte(tokens.String()), 0o600)
}

// writeCertificate writes a self-signed certificate of the control plane, and its key.
func writeCertificate(certificate, key string, template x509.Certificate) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(1), now.Add(-time.Hour), now.Add(24*time.Hour)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return err
	}
	if err := writePEM(key, "EC PRIVATE KEY", encoded); err != nil {
		return err
	}
	return writePEM(certificate, "CERTIFICATE", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
