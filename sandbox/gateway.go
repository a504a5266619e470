package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// basePath is where both of PayerMax's hosts serve their interfaces ("Endpoint" on every interface page).
	basePath = "/aggregate-pay/api/gateway/"

	// maxBody is the longest request body that is accepted, in bytes. PayerMax documents no limit; requests rarely exceed
	// one kilobyte.
	maxBody = 1 << 20

	// ServerName is the Server header of every answer of a Gateway. It distinguishes them from PayerMax's answers, which
	// are signed in the same way.
	ServerName = "payermax-sandbox"

	// minKeyBits is the key length that the page "Signature rules" prescribes.
	minKeyBits = 2048
)

// Gateway serves PayerMax's interfaces under /aggregate-pay/api/gateway/, and a page and controls for people and tests
// under /sandbox/. Create one with [New].
//
// As with PayerMax, a refusal is an answer like any other: status 200, a code, a message and a signature. Other
// statuses are those that a web server in front of the gateway would send: 404 for an unknown path, 405 for any method
// but POST, 413 for a body over 1 MiB. These answers are plain text and unsigned.
//
// A Gateway is safe for concurrent use; its fields must be set before it serves its first request. It keeps a bounded
// amount of state, in memory: the last 10000 sessions, orders, captures, cancellations and refunds, and the last 200
// calls and notifications.
type Gateway struct {
	// Clock returns the time that requestTime is compared with, that answers are dated with, and by which sessions and
	// authorisations expire; nil means [time.Now]. Delays always use real time.
	Clock func() time.Time

	// OnCall, when not nil, is called for every request outside of /sandbox/ after it has been answered, before ServeHTTP
	// returns. It is called from the goroutine that serves the request, so it must be safe for concurrent use.
	OnCall func(Call)

	// TimeScale divides delays: with 1000, the retry that PayerMax makes after half a minute comes after 30 milliseconds.
	// It applies to notifications, pending payments, captures and refunds, and expireTime, but not to faults, timeouts, or
	// the seven days of an authorisation. 0 means 1.
	TimeScale float64

	// Strict refuses what PayerMax's pages do not document, although its own SDKs, plugins and examples send it: other
	// versions, times with fewer digits, other member names, a paymentToken that no component has issued. What any of the
	// pages documents is accepted. Without Strict, requests with these deviations are served, and the deviations are in
	// the record of the call.
	Strict bool

	// PendingDelay is how long a payment, a capture or a refund that is simulated as pending takes to succeed, before it
	// is divided by TimeScale. 0 means that it stays pending until POST /sandbox/settle says how it ends.
	PendingDelay time.Duration

	// RefundDelay is how long any other refund takes to succeed, before it is divided by TimeScale; 0 means one second.
	RefundDelay time.Duration

	// SessionLifetime is how long a session can be used for payments, by Clock; 0 means forever. PayerMax states no
	// lifetime.
	SessionLifetime time.Duration

	// NotifyTimeout is the timeout of one attempt to deliver a notification; 0 means 15 seconds, the timeout of PayerMax's
	// SDKs in the other direction.
	NotifyTimeout time.Duration

	// AllowNotify reports whether a URL may be notified. nil allows only loopback hosts ("localhost", 127.0.0.1, ::1),
	// since a test double must not call strangers. Schemes other than http and https are never called.
	AllowNotify func(*url.URL) bool

	// BaseURL is where a buyer's browser reaches the gateway, such as "http://localhost:8080"; a payment with 3DS
	// redirects there. Empty means the host of the orderAndPay request.
	BaseURL string

	// NoControl switches off the Sandbox-Fault header and everything under /sandbox/, except for what a buyer's browser
	// needs: the Drop-In component and the page that a payment redirects to.
	NoControl bool

	key       *rsa.PrivateKey
	merchants map[string]Merchant
	client    *http.Client
	sending   chan struct{}

	mu      sync.Mutex
	current *world
	closed  bool
}

// New returns a gateway that signs its answers with key and knows the given merchants. It returns an error for keys
// under 2048 bits, for merchants without an appId or a key, and for two merchants with the same appId.
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
	return &Gateway{
		key:       key,
		merchants: byAppID,
		client:    newNotifyClient(),
		sending:   make(chan struct{}, maxSending),
		current:   newWorld(),
	}, nil
}

// GenerateKey generates a key of the length that PayerMax requires, 2048 bits, for a gateway or a merchant.
func GenerateKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, minKeyBits)
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	return key, nil
}

// PublicKey returns the key that verifies the gateway's answers and notifications. It stands for the key that a
// merchant downloads from PayerMax.
func (g *Gateway) PublicKey() *rsa.PublicKey { return &g.key.PublicKey }

// Close stops pending payments and undelivered notifications and waits until nothing runs in the background, or until
// ctx is done. From then on, requests that need background work are refused with SYSTEM_ERROR. Close is not needed if
// no request named a notifyUrl or left anything pending.
func (g *Gateway) Close(ctx context.Context) error {
	g.mu.Lock()
	g.closed = true
	w := g.current
	g.mu.Unlock()
	return w.tasks.close(ctx)
}

// stopTime is how long Stop waits at most.
const stopTime = time.Second

// Stop is [Gateway.Close] without a context: it waits for one second at most. It does nothing for a nil Gateway.
func (g *Gateway) Stop() error {
	if g == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	return g.Close(ctx)
}

// ServeHTTP implements [http.Handler].
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", ServerName)
	if IsControl(r.URL.Path) {
		g.serveSandbox(w, r)
		return
	}
	state := g.state()
	call := Call{Time: g.now(), Header: r.Header.Clone()}
	answer := g.serve(w, r, state, &call)
	w.Header().Set("Date", call.Time.Add(answer.dateSkew).UTC().Format(http.TimeFormat))
	call.Status, call.Answer, call.AnswerSign = answer.status, answer.body, answer.sign
	// Record the call before the client has its answer and can ask for the record.
	state.record(&call)
	if g.OnCall != nil {
		defer g.OnCall(call)
	}
	answer.write(w)
}

func (g *Gateway) now() time.Time {
	if g.Clock == nil {
		return time.Now()
	}
	return g.Clock()
}

// scaled returns d divided by TimeScale.
func (g *Gateway) scaled(d time.Duration) time.Duration {
	if g.TimeScale <= 0 {
		return d
	}
	return time.Duration(float64(d) / g.TimeScale)
}

// serve handles one request, from its path to its answer, and records the outcome in call.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, state *world, call *Call) reply {
	name, ours := strings.CutPrefix(r.URL.Path, basePath)
	ep, known := lookup(name)
	if !ours || !known {
		return plain(http.StatusNotFound)
	}
	call.Endpoint = name
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return plain(http.StatusMethodNotAllowed)
	}

	var err error
	call.Body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return plain(http.StatusRequestEntityTooLarge)
	}
	if err != nil {
		return plain(http.StatusBadRequest)
	}

	faults, problem := g.faults(r, state, name)
	if problem != nil {
		body := []byte("Sandbox-Fault: " + problem.Error() + "\n")
		return reply{status: http.StatusBadRequest, contentType: textType, body: body, length: len(body)}
	}
	call.Fault = faults.text
	if faults.front != nil {
		answer := faults.front()
		answer.dateSkew = faults.dateSkew
		return answer
	}
	call.Time = call.Time.Add(faults.skew)
	noted := &deviations{strict: g.Strict}
	data, refused := g.judge(ep, call, &request{gateway: g, world: state, faults: faults, base: g.base(r), deviations: noted})
	call.Deviations = noted.found
	answer := faults.strike(g, g.answer(call, data, refused))
	wait(r.Context(), state.tasks.ctx, faults.latency)
	return answer
}

// judge returns the data of the answer, or the refusal. Of what the signature covers, only the envelope is read before
// the signature is verified, since it says whose signature it should be.
func (g *Gateway) judge(ep endpoint, call *Call, req *request) (any, *refusal) {
	if refused := checkContentType(call.Header, req.deviations); refused != nil {
		return nil, call.notVerified(refused, refused.msg)
	}
	env, refused := readEnvelope(call.Body, call.Endpoint, req.deviations)
	if refused != nil {
		return nil, call.notVerified(refused, refused.msg)
	}
	call.AppID, call.MerchantNo = env.appID, env.merchantNo
	merchant, refused := g.merchant(env)
	if refused != nil {
		return nil, call.notVerified(refused, unknownMerchant(refused))
	}
	if refused, why := merchant.checkProvider(env, call.Header); refused != nil {
		return nil, call.notVerified(refused, why)
	}
	if why := whyNotVerified(merchant, env, call.Body, call.Header.Values(signHeader)); why != "" {
		return nil, call.notVerified(refuse(codeSignVerifyFailed), why)
	}
	call.Verified = true

	if refused := checkRequestTime(env.requestTime, call.Time, req.deviations); refused != nil {
		return nil, refused
	}
	if refused := checkVersion(env.version, ep.versions, req.deviations); refused != nil {
		return nil, refused
	}
	if code := req.faults.code; code != "" {
		return nil, refuse(code)
	}
	req.merchant, req.env, req.data = merchant, env, env.data
	return ep.serve(req)
}
