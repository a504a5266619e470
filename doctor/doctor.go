// Package doctor finds out what stands between a configured sidecar and its
// first call to PayerMax: keys that cannot be read or are the wrong ones, options
// that turn out empty, a gateway that cannot be reached, a clock that is wrong.
//
// It knows nothing of Caddy: whoever calls it takes the configuration apart and
// hands over a [Setup] of plain values. What it finds is a [Report], whose texts
// repeat no byte of a key, no signature and no token.
package doctor

import (
	"context"
	"crypto"
	"crypto/rsa"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Setup is a configuration, taken apart.
type Setup struct {
	// Handlers are those that sign, and after them those that verify
	// notifications.
	Handlers []Handler
	// ProxyVariables are the environment variables that name a forward proxy,
	// which transport payermax ignores. Their values are of no interest.
	ProxyVariables []string
	// HasProblems says that there is a problem which whoever took the configuration
	// apart has found, and which belongs to no handler.
	HasProblems bool
}

// Handler is one handler of the configuration.
type Handler struct {
	// Name tells it from others, such as "payermax on :8080".
	Name string
	// LoadError is why it cannot be loaded, or nil. It quotes no secret.
	LoadError error
	// Found is what else was found out about it already.
	Found []Result
	// Merchants are those it signs for.
	Merchants []Merchant
	// Verifies says that it verifies notifications, with the public keys in
	// these files, and signs nothing.
	Verifies          bool
	GatewayPublicKeys []Option
	// Gateways are the hosts that calls go to: the one, and perhaps its backup.
	Gateways []Gateway
	// Sandbox says that the embedded sandbox answers, and no host.
	Sandbox bool
}

// Options say how far to go.
type Options struct {
	// Offline leaves out whatever needs a network.
	Offline bool
	// Call makes one signed call for each merchant: an orderQuery for an order
	// that does not exist, which moves no money and changes nothing.
	Call bool
}

// Examine checks everything that the options allow. Once ctx has ended, whatever
// needs the network fails at once.
func Examine(ctx context.Context, setup Setup, options Options) Report {
	e := examination{options: options, reached: make(map[gatewayID]bool), signers: make(map[string]Merchant)}
	if len(setup.ProxyVariables) > 0 && !options.Offline {
		e.add("environment", proxyVariables(setup.ProxyVariables, followEnvironment(setup.Handlers)))
	}
	for _, h := range setup.Handlers {
		e.handler(h)
	}
	for _, h := range setup.Handlers {
		e.gateways(ctx, h)
	}
	for i, h := range setup.Handlers {
		e.calls(ctx, h, e.keys[i])
	}
	return e.concluded(setup.HasProblems)
}

// examination is under way.
type examination struct {
	options Options
	report  Report
	// keys are those that could be loaded, by handler and merchant.
	keys [][]merchantKeys
	// own are the public halves of all keys that sign.
	own []*rsa.PublicKey
	// signers are the merchants that sign with a key, by its fingerprint.
	signers map[string]Merchant
	// reached says of each gateway that was checked whether a call could be sent.
	reached map[gatewayID]bool
}

// merchantKeys are what a merchant signs and verifies with, as far as it could be
// loaded.
type merchantKeys struct {
	signing, next crypto.Signer
	gateway       []*rsa.PublicKey
}

// add puts results into the report.
func (e *examination) add(subject string, results ...Result) {
	for _, r := range results {
		r.Subject = subject
		e.report = append(e.report, r)
	}
}

// concluded returns the report. Only if there is no problem, it says of the calls that have
// gone well that everything works.
func (e *examination) concluded(hasOtherProblems bool) Report {
	if hasOtherProblems || e.report.Count(Problem) > 0 {
		return e.report
	}
	for i, r := range e.report {
		if r.Check == callCheck && r.Outcome == OK {
			e.report[i].Message += "; everything works"
		}
	}
	return e.report
}

// handler checks what needs no network, or only that of a key's source.
func (e *examination) handler(h Handler) {
	before := len(e.report)
	e.add(h.Name, h.Found...)
	var keys []merchantKeys
	for _, m := range h.Merchants {
		loaded, results := checkMerchant(m, h.Sandbox, e.own)
		e.add(m.Name, results...)
		if !h.Sandbox {
			e.add(m.Name, checkExample(m, h.Gateways)...)
			e.add(m.Name, e.checkSharing(m, loaded)...)
		}
		keys = append(keys, loaded)
		e.own = append(e.own, loaded.own()...)
	}
	e.keys = append(e.keys, keys)
	if h.Verifies {
		_, results := checkGatewayKeys(h.GatewayPublicKeys, e.own)
		e.add(h.Name, results...)
	}
	if h.LoadError != nil && !e.report[before:].explains(h.LoadError.Error()) {
		e.add(h.Name, problem("load", "%v", h.LoadError))
	}
}

// gateways checks the hosts of a handler, except for those that an earlier one
// has as well.
func (e *examination) gateways(ctx context.Context, h Handler) {
	if h.Sandbox {
		e.add(h.Name, warning("gateway", "the sandbox in the sidecar's own process answers, so no call reaches PayerMax and there is no connection to check").
			then("for PayerMax, write gateway uat or gateway production"))
		return
	}
	for _, g := range h.Gateways {
		if _, seen := e.reached[g.id()]; seen {
			continue
		}
		e.reached[g.id()] = false
		e.add(g.URL, checkEnvironment(g))
		if e.options.Offline {
			e.add(g.URL, notChecked("connection", "skipped because of --offline"))
			continue
		}
		results, reached := checkNetwork(ctx, g)
		e.add(g.URL, results...)
		e.reached[g.id()] = reached
	}
}

// calls makes one call for each merchant of a handler.
func (e *examination) calls(ctx context.Context, h Handler, keys []merchantKeys) {
	if !e.options.Call || len(h.Merchants) == 0 {
		return
	}
	for i, m := range h.Merchants {
		switch {
		case h.Sandbox:
			e.add(m.Name, notChecked(callCheck, "the sandbox is part of the sidecar's process, which is not running now"))
		case len(h.Gateways) == 0:
			e.add(m.Name, notChecked(callCheck, "there is no gateway to call"))
		case keys[i].signing == nil || m.AppID.Value == "":
			e.add(m.Name, notChecked(callCheck, "a call needs a usable key and an app_id; see above"))
		case !e.reached[h.Gateways[0].id()]:
			e.add(m.Name, notChecked(callCheck, "the gateway cannot be reached, so no call can be sent; see above"))
		default:
			e.add(m.Name, checkCall(ctx, h.Gateways[0], m, keys[i])...)
		}
	}
}

// checkSharing warns of a merchant that signs with the key of another appId.
func (e *examination) checkSharing(m Merchant, loaded merchantKeys) []Result {
	public, isRSA := publicOf(loaded.signing)
	if !isRSA || m.AppID.Value == "" {
		return nil
	}
	fingerprint := signer.Fingerprint(public)
	other, isShared := e.signers[fingerprint]
	e.signers[fingerprint] = m
	if !isShared || other.AppID.Value == m.AppID.Value {
		return nil
	}
	return []Result{warning("private key", "it is also the key of %s, which has another app_id; a key belongs to one appId, and anyone who obtains it can sign for both", other.Name).
		then("create a key for each appId, and upload each public key to PayerMax")}
}

// own are the public halves of what signs.
func (k merchantKeys) own() []*rsa.PublicKey {
	var own []*rsa.PublicKey
	for _, key := range []crypto.Signer{k.signing, k.next} {
		if public, isRSA := publicOf(key); isRSA {
			own = append(own, public)
		}
	}
	return own
}

// publicOf returns the RSA public half of a key, if there is one.
func publicOf(key crypto.Signer) (*rsa.PublicKey, bool) {
	if key == nil {
		return nil, false
	}
	public, isRSA := key.Public().(*rsa.PublicKey)
	return public, isRSA
}
