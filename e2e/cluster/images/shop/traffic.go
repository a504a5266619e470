package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// traffic makes the shop's calls, and counts how they end.
type traffic struct {
	client *http.Client
	url    string
	pause  time.Duration

	workers  sync.WaitGroup
	mu       sync.Mutex
	outcomes map[string]int // by code, or by the error's text
}

// newClient returns a client for the sidecar's port, its socket, or the shared gateway, whichever
// the environment selects.
func newClient() (*http.Client, string) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 500
	url := os.Getenv("PAYERMAX_URL")
	if socket := os.Getenv("PAYERMAX_SOCKET"); socket != "" {
		url = "http://payermax"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
	}
	if folder := os.Getenv("CALLER_CERTIFICATES"); folder != "" {
		transport.TLSClientConfig = certificates(folder)
		transport.ForceAttemptHTTP2 = os.Getenv("CALLER_HTTP") == "2"
		transport.IdleConnTimeout = 20 * time.Second // as the README requires
	}
	return &http.Client{Transport: transport, Timeout: 40 * time.Second}, url
}

// certificates returns the TLS config of a caller of the shared gateway. Without a key pair in the
// directory, the caller presents no certificate.
func certificates(folder string) *tls.Config {
	authority, err := os.ReadFile(folder + "/gateway.crt")
	if err != nil {
		panic(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(authority)
	if pair, err := tls.LoadX509KeyPair(folder+"/tls.crt", folder+"/tls.key"); err == nil {
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

// load makes calls with several workers until the context ends. Calls that have begun are
// completed.
func (t *traffic) load(ctx context.Context, workers int) {
	for range workers {
		t.workers.Go(func() {
			for ctx.Err() == nil {
				t.call()
				time.Sleep(t.pause)
			}
		})
	}
}

func (t *traffic) wait() { t.workers.Wait() }

// call makes one call and records how it ended.
func (t *traffic) call() {
	outcome := t.outcome()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.outcomes == nil {
		t.outcomes = make(map[string]int)
	}
	t.outcomes[outcome]++
}

func (t *traffic) outcome() string {
	const data = `{"data":{"totalAmount":10000,"currency":"IDR","country":"ID","userId":"U10001"}}`
	answer, err := t.client.Post(t.url+"/aggregate-pay/api/gateway/applyDropinSession", "application/json", strings.NewReader(data))
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	var said struct{ Code, Msg string }
	if err := json.Unmarshal(text, &said); err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Sprintf("%d %s %s", answer.StatusCode, said.Code, said.Msg)
	}
	return said.Code
}

// report writes how many calls ended in each way, as JSON on one line.
func (t *traffic) report(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = json.NewEncoder(w).Encode(t.outcomes)
}
