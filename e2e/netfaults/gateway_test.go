//go:build linux

package netfaults

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// gateway answers each order that it receives with a signed success, and counts how often it has
// begun to receive each order.
type gateway struct {
	t        *testing.T
	mutex    sync.Mutex
	received map[string]int // by the order's number
}

// newGateway serves HTTPS on the addresses, with the certificate of the requested name.
func newGateway(t *testing.T, in *namespace, certificates []tls.Certificate, addresses ...string) *gateway {
	g := &gateway{t: t, received: make(map[string]int)}
	server := &http.Server{
		Handler: g, TLSConfig: &tls.Config{Certificates: certificates},
		ErrorLog: log.New(io.Discard, "", 0), ReadTimeout: time.Minute,
	}
	for _, address := range addresses {
		listener := in.listen(t, address)
		go func() { _ = server.ServeTLS(listener, "", "") }()
	}
	t.Cleanup(func() { server.Close() })
	return g
}

// ServeHTTP handles an order.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the network cut it off
	}
	if !isSigned(body, r.Header.Get("sign")) {
		assert.Fail(g.t, "the gateway got what is not signed")
		return
	}
	var order struct{ Data struct{ OutTradeNo string } }
	if err := json.Unmarshal(body, &order); err != nil {
		assert.NoError(g.t, err)
		return
	}
	number := order.Data.OutTradeNo
	g.mutex.Lock()
	g.received[number]++
	g.mutex.Unlock()

	answer := fmt.Appendf(nil, `{"code":"APPLY_SUCCESS","msg":"","data":{"outTradeNo":%q,"tradeToken":"T%s","status":"SUCCESS"}}`, number, number)
	digest := sha256.Sum256(answer)
	signature, err := rsa.SignPKCS1v15(rand.Reader, testkeys.Gateway(), crypto.SHA256, digest[:])
	if err != nil {
		assert.NoError(g.t, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("sign", base64.StdEncoding.EncodeToString(signature))
	_, _ = w.Write(answer)
}

func isSigned(body []byte, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	digest := sha256.Sum256(body)
	return err == nil && rsa.VerifyPKCS1v15(&testkeys.Merchant().PublicKey, crypto.SHA256, digest[:], raw) == nil
}

// count returns how often an order was received.
func (g *gateway) count(number string) int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.received[number]
}
