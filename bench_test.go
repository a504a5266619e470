package payermax

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

const sessionAnswer = `{"code":"APPLY_SUCCESS","msg":"Success.","data":{"clientKey":"37114858239eur2384237r810482390","sessionKey":"bdsf8982348974hhf82934bf8239424","notSupportedComponent":[]}}`

// benchmarked returns a handler whose log is encoded and discarded, and a next handler
// that gives signed answers.
func benchmarked(b testing.TB, gateway []*rsa.PublicKey) (*Handler, caddyhttp.Handler) {
	b.Helper()
	signature, err := signer.Sign(context.Background(), gatewayKey(), []byte(sessionAnswer))
	if err != nil {
		b.Fatal(err)
	}
	h := &Handler{Merchant: Merchant{AppID: "app"}, Sandbox: true, SandboxWithCredentials: true}
	if err := h.Provision(testcaddy.Context(b)); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = h.Cleanup() })
	h.sandbox, h.Sandbox = nil, false
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	h.logger = zap.New(zapcore.NewCore(encoder, zapcore.AddSync(io.Discard), zap.InfoLevel))
	setKeys(h, h.merchants.only.keyring.Current().Signing.Private, gateway)
	return h, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Sign", signature)
		_, err := io.WriteString(w, sessionAnswer)
		return err
	})
}

// treatments are the two ways to handle answers, with the gateway keys for each.
func treatments() map[string][]*rsa.PublicKey {
	return map[string][]*rsa.PublicKey{"unchecked": nil, "verified": {&gatewayKey().PublicKey}}
}

// incoming returns what a server passes to the handler.
func incoming() (*httptest.ResponseRecorder, *http.Request) {
	r := post(sessionBody)
	return httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
}

// BenchmarkHandler measures a whole call without the network: reading, validating,
// filling in, signing, answering, verifying the answer and logging.
func BenchmarkHandler(b *testing.B) {
	for name, gateway := range treatments() {
		b.Run(name, func(b *testing.B) {
			h, next := benchmarked(b, gateway)
			b.ReportAllocs()
			for b.Loop() {
				w, r := incoming()
				if err := h.ServeHTTP(w, r, next); err != nil || w.Code != http.StatusOK {
					b.Fatal(w.Body.String(), err)
				}
			}
		})
	}
}

// BenchmarkOverhead measures what a call costs besides the signature, the verifications
// and the next handler: the handler's own median, own-ns/op, and its own allocations,
// own-allocs/op. What is subtracted is measured for each call, in the same run. The
// allocations for the request to the gateway are counted separately, as proxy-allocs/op.
func BenchmarkOverhead(b *testing.B) {
	for name, gateway := range treatments() {
		b.Run(name, func(b *testing.B) {
			h, next := benchmarked(b, gateway)
			key := &timedKey{key: merchantKey()}
			setKey(h, key)
			// The 1 is for signer.Sign, which verifies the signature of a key of a type
			// that it does not know.
			verifications := time.Duration(1 + len(gateway))

			var own []time.Duration
			for b.Loop() {
				w, r := incoming()
				began := time.Now()
				if err := h.ServeHTTP(w, r, next); err != nil || w.Code != http.StatusOK {
					b.Fatal(w.Body.String(), err)
				}
				took := time.Since(began)
				own = append(own, took-key.took-verifications*key.verify())
			}
			slices.Sort(own)
			b.ReportMetric(float64(own[len(own)/2].Nanoseconds()), "own-ns/op")
			proxy := proxyAllocations(h)
			b.ReportMetric(ownAllocations(h, next, key, int(verifications))-proxy, "own-allocs/op")
			b.ReportMetric(proxy, "proxy-allocs/op")
		})
	}
}

// BenchmarkWithoutRSA measures a call as ServeHTTP makes it, with a precomputed signature
// and unchecked answers. The CPU caches are warm, which they are not after a real
// signature, so this is the least that a call costs besides the cryptography. The second
// benchmark measures how much of that is the test itself: the request, its recorder and
// the next handler.
func BenchmarkWithoutRSA(b *testing.B) {
	h, next := benchmarked(b, nil)
	b.Run("call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w, r := incoming()
			if err := h.performUnsigned(w, r, next); err != nil || w.Code != http.StatusOK {
				b.Fatal(w.Body.String(), err)
			}
		}
	})
	b.Run("of it the test", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w, r := incoming()
			if err := next.ServeHTTP(w, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// performUnsigned is ServeHTTP without computing the signature.
func (h *Handler) performUnsigned(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	c := h.newCall(r)
	defer c.leave()
	ctx, end := c.within(r.Context(), time.Duration(h.Timeout))
	defer end()
	r = r.WithContext(ctx)
	var err error
	if c.route, err = h.match(r); err != nil {
		return err
	}
	caller, err := h.limits.Admit(c.route.Name, replacer(r.Context()))
	if err != nil {
		return err
	}
	if err := h.takePlace(c, w, r); err != nil {
		return err
	}
	body, err := h.read(w, r)
	if err != nil {
		return err
	}
	if c.request, err = h.understand(c, r, body); err != nil {
		return err
	}
	reserved, err := h.limits.Reserve(r.Context(), c.limited(caller, body))
	if err != nil {
		return err
	}
	c.budgeted = reserved.HasBudgets()
	c.keys = c.request.merchant.keyring.Current()
	signed := &delivery.Signed{Path: c.route.Path(), Signature: "signature", Fingerprint: c.keys.Signing.Fingerprint, RequestTime: h.now()}
	signed.Body = c.request.Fill(c.request.merchant.identity, signed.RequestTime)
	observe(c.trace, processMetrics.signing.WithLabelValues(c.keys.Signing.Source), 0)
	if c.exchange, err = h.exchange(c, delivery.New(c.route.Endpoint, false, signed, nil), r, next); err != nil {
		return err
	}
	reserved.Settle(c.exchange.settlement(nil))
	answer := c.exchange.answer
	answer.Header().Set(reply.RequestIDHeader, c.id)
	h.record(r, c, answer, nil)
	answer.Send(w)
	return nil
}

// ownAllocations counts the allocations of a call, minus those of the request and its
// recorder, the next handler, the signature and the verifications.
func ownAllocations(h *Handler, next caddyhttp.Handler, key *timedKey, verifications int) float64 {
	const runs = 100
	call := testing.AllocsPerRun(runs, func() {
		w, r := incoming()
		_ = h.ServeHTTP(w, r, next)
	})
	others := testing.AllocsPerRun(runs, func() {
		w, r := incoming()
		_ = next.ServeHTTP(w, r)
	})
	cryptography := testing.AllocsPerRun(runs, func() {
		_, _ = key.Sign(nil, key.digest, crypto.SHA256)
		for range verifications {
			key.verify()
		}
	})
	return call - others - cryptography
}

// proxyAllocations counts the allocations for a request to the gateway: its context with
// the deadline, the connection trace, and its header.
func proxyAllocations(h *Handler) float64 {
	_, r := incoming()
	c := h.newCall(r)
	c.route, _ = h.match(r)
	d := delivery.New(c.route.Endpoint, false, &delivery.Signed{Path: c.route.Path(), Body: []byte(sessionBody), Signature: "signature"}, nil)
	return testing.AllocsPerRun(100, func() {
		ctx, cancel := context.WithTimeout(r.Context(), time.Duration(h.Timeout))
		d.Outgoing(ctx, r, make(http.Header))
		cancel()
	})
}

// timedKey is a key that measures how long its last signature took.
type timedKey struct {
	key               *rsa.PrivateKey
	digest, signature []byte
	took              time.Duration
}

func (k *timedKey) Public() crypto.PublicKey { return k.key.Public() }

func (k *timedKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	began := time.Now()
	k.digest = digest
	k.signature, err = k.key.Sign(random, digest, opts)
	k.took = time.Since(began)
	return k.signature, err
}

// verify verifies the last signature and returns how long that took.
func (k *timedKey) verify() time.Duration {
	began := time.Now()
	if err := rsa.VerifyPKCS1v15(&k.key.PublicKey, crypto.SHA256, k.digest, k.signature); err != nil {
		panic(err)
	}
	return time.Since(began)
}

// BenchmarkRead measures reading the request's body.
func BenchmarkRead(b *testing.B) {
	h, _ := benchmarked(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		w, r := incoming()
		if _, err := h.read(w, r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAnswer measures verifying and parsing an answer.
func BenchmarkAnswer(b *testing.B) {
	signature, err := signer.Sign(context.Background(), gatewayKey(), []byte(sessionAnswer))
	if err != nil {
		b.Fatal(err)
	}
	a := &reply.Answer{Status: http.StatusOK, Body: []byte(sessionAnswer)}
	a.Header()["Sign"] = []string{signature}
	endpoint, _ := protocol.Lookup(protocol.SessionEndpoint)
	judge, asked := verdict.NewJudge(), verdict.Question{
		Endpoint: endpoint, Identifying: envelope.NewNames(endpoint.Identifying()...),
		Body: []byte(sessionBody), Keys: []*rsa.PublicKey{&gatewayKey().PublicKey},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := judge.Decide(a, asked); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRSA measures the floor: a signature and a verification with crypto/rsa.
func BenchmarkRSA(b *testing.B) {
	digest := sha256.Sum256([]byte(sessionBody))
	key := &timedKey{key: merchantKey()}
	b.Run("sign", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			key.verify()
		}
	})
}
