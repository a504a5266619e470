// Package sandbox is a PayerMax gateway in a box: a plain [http.Handler] that judges signed requests and signs its
// answers as the documented gateway does, without an account, a network or a real payment behind it.
//
// It is meant for demonstrations and for a merchant's own tests. It deliberately shares no code with the sidecar whose
// requests it judges, so that a mistake in one of them cannot hide in the other.
package sandbox

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// basePath is where both of PayerMax's hosts serve their interfaces ("Endpoint" on every interface page).
	basePath = "/aggregate-pay/api/gateway/"

	// maxBody bounds what is read of one request. PayerMax documents no limit; a request is rarely above one kilobyte.
	maxBody = 1 << 20

	// minKeyBits is the length the page "Signature rules" prescribes for every key.
	minKeyBits = 2048
)

// Gateway answers PayerMax's interfaces under /aggregate-pay/api/gateway/. Make one with [New].
//
// As at PayerMax, a refusal is an answer like any other: status 200, a code, a message and a signature. Other statuses
// come only from what stands in front of such a gateway: 404 for an unknown path, 405 for any method but POST, 413 for
// a body over 1 MiB. These are plain text and unsigned.
//
// A Gateway is safe for concurrent use; its fields must be set before it serves its first request.
type Gateway struct {
	// Clock tells the time that requestTime is compared with; nil means [time.Now].
	Clock func() time.Time

	// OnCall, when not nil, is told of every request after it has been answered, before ServeHTTP returns. It is called
	// from the goroutine that serves the request, so it must be safe for concurrent use.
	OnCall func(Call)

	key       *rsa.PrivateKey
	merchants map[string]Merchant
}

// New returns a gateway that signs its answers with key and knows the given merchants. Keys under 2048 bits, merchants
// without an appId or a key, and two merchants with one appId are errors.
func New(key *rsa.PrivateKey, merchants ...Merchant) (*Gateway, error) {
	if key == nil {
		return nil, errors.New("sandbox: the gateway needs a private key to sign its answers with")
	}
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("sandbox: the gateway's private key: %w", err)
	}
	if bits := key.N.BitLen(); bits < minKeyBits {
		return nil, fmt.Errorf("sandbox: the gateway's private key has %d bits; PayerMax uses %d", bits, minKeyBits)
	}
	byAppID := make(map[string]Merchant, len(merchants))
	for i, m := range merchants {
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("sandbox: merchant %d: %w", i, err)
		}
		if _, taken := byAppID[m.AppID]; taken {
			return nil, fmt.Errorf("sandbox: merchant %d: appId %q is registered twice", i, m.AppID)
		}
		byAppID[m.AppID] = m
	}
	return &Gateway{key: key, merchants: byAppID}, nil
}

// PublicKey returns the key that verifies the gateway's answers: what a merchant would download from PayerMax.
func (g *Gateway) PublicKey() *rsa.PublicKey { return &g.key.PublicKey }

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := Call{Time: g.now(), Header: r.Header.Clone()}
	w.Header().Set("Date", call.Time.UTC().Format(http.TimeFormat))
	g.serve(w, r, &call)
	if g.OnCall != nil {
		g.OnCall(call)
	}
}

func (g *Gateway) now() time.Time {
	if g.Clock == nil {
		return time.Now()
	}
	return g.Clock()
}

// serve takes one request from its path to its answer and notes in call what became of it.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, call *Call) {
	name, ours := strings.CutPrefix(r.URL.Path, basePath)
	ep, known := endpoints[name]
	if !ours || !known {
		answerPlain(w, call, http.StatusNotFound)
		return
	}
	call.Endpoint = name
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answerPlain(w, call, http.StatusMethodNotAllowed)
		return
	}

	var err error
	call.Body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		answerPlain(w, call, http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		answerPlain(w, call, http.StatusBadRequest)
		return
	}

	data, refused := g.judge(ep, call)
	g.answer(w, call, data, refused)
}

// judge returns the data of the answer, or why there is none. What the signature covers is looked into only after the
// signature has been verified, save for the envelope, which says whose signature it should be.
func (g *Gateway) judge(ep endpoint, call *Call) (any, *refusal) {
	if refused := checkContentType(call.Header); refused != nil {
		return nil, refused
	}
	env, refused := readEnvelope(call.Body)
	if refused != nil {
		return nil, refused
	}
	merchant, refused := g.merchant(env)
	if refused != nil {
		return nil, refused
	}
	if env.keyVersion != merchant.keyVersion() || !verify(merchant.PublicKey, call.Body, call.Header.Values(signHeader)) {
		return nil, refuse(codeSignVerifyFailed)
	}
	call.Verified = true

	if refused := checkRequestTime(env.requestTime, call.Time); refused != nil {
		return nil, refused
	}
	if refused := checkVersion(env.version, ep.versions); refused != nil {
		return nil, refused
	}
	return ep.serve(env.version, env.data)
}
