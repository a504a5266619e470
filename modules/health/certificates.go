package health

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
	"github.com/caddy-payermax/caddy-payermax/internal/regular"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// maxCertificateFile is the maximum size of a certificate file, in bytes. A bundle of all
// public authorities takes a quarter of that.
const maxCertificateFile = 1 << 20

// firstExpiry returns when the first of the certificates in a PEM file expires. It ignores
// anything else in the file, such as a key.
func firstExpiry(path string) (time.Time, error) {
	if signer.LooksLikeKey(path) {
		return time.Time{}, errors.New("expected the path of a file, but the value looks like a key itself; name the certificate's file")
	}
	if err := setting.CheckPath(path); err != nil {
		return time.Time{}, err
	}
	file, err := regular.Open(path)
	if err != nil {
		return time.Time{}, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxCertificateFile+1))
	if err != nil {
		return time.Time{}, err
	}
	if len(text) > maxCertificateFile {
		return time.Time{}, fmt.Errorf("%s: is larger than %d bytes; name a file that contains only the certificates", path, maxCertificateFile)
	}
	first, err := firstExpiryOf(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", path, err)
	}
	return first, nil
}

// firstExpiryOf is firstExpiry for the text of a file.
func firstExpiryOf(text []byte) (time.Time, error) {
	var first time.Time
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}, errors.New("has a certificate that cannot be read; name the file that the option tls of the site names")
		}
		if first.IsZero() || certificate.NotAfter.Before(first) {
			first = certificate.NotAfter
		}
	}
	if first.IsZero() {
		return time.Time{}, errors.New("has no certificate in PEM; name the file that the option tls of the site names")
	}
	return first, nil
}

// expiries holds when the certificates expire that the handlers in use watch.
type expiries struct {
	mutex     sync.Mutex
	ofHandler map[*Handler]map[string]time.Time // by path
}

var inUse = &expiries{ofHandler: make(map[*Handler]map[string]time.Time)}

var certificateExpiry = prom.Description("certificate_expiration_timestamp_seconds",
	"When the first certificate in the file expires, in seconds since 1970, as of the loading of the config.", "file")

func init() { prom.Share(inUse) }

func (e *expiries) use(handler *Handler, byPath map[string]time.Time) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.ofHandler[handler] = byPath
}

func (e *expiries) release(handler *Handler) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	delete(e.ofHandler, handler)
}

// first returns when the first certificate of each file expires. While one config takes over
// from another, the handlers of both are in use.
func (e *expiries) first() map[string]time.Time {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	first := make(map[string]time.Time)
	for _, byPath := range e.ofHandler {
		for path, expires := range byPath {
			if earlier, found := first[path]; !found || expires.Before(earlier) {
				first[path] = expires
			}
		}
	}
	return first
}

// Describe describes the metric.
func (*expiries) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- certificateExpiry }

// Collect sends one gauge for each file.
func (e *expiries) Collect(collected chan<- prometheus.Metric) {
	for path, expires := range e.first() {
		collected <- prometheus.MustNewConstMetric(certificateExpiry, prometheus.GaugeValue, float64(expires.Unix()), path)
	}
}
