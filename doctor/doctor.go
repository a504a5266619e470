// Package doctor finds out what would make the first call of a configured sidecar to
// PayerMax fail: unreadable or wrong keys, options that turn out empty, an unreachable
// gateway, a wrong clock.
//
// It does not depend on Caddy: the caller takes the configuration apart and passes a
// [Setup] of plain values. The result is a [Report], whose texts contain no byte of a
// key, no signature and no token.
package doctor

import (
	"context"
	"crypto"
	"crypto/rsa"

	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Setup is a configuration, taken apart.
type Setup struct {
	// Handlers are the handlers that sign, followed by those that verify notifications.
	Handlers []Handler
	// ProxyVariables are the names of the environment variables that name a forward proxy,
	// which transport payermax ignores. Their values do not matter.
	ProxyVariables []string
	// HasProblems is true if the caller has found a problem that does not belong to a
	// handler.
	HasProblems bool
}

// Handler is one handler of the configuration.
type Handler struct {
	// Name identifies the handler, such as "payermax on :8080".
	Name string
	// LoadError is why the handler cannot be loaded, or nil. It quotes no secret.
	LoadError error
	// Found holds other results about the handler that the caller has found.
	Found []Result
	// Merchants are the merchants that the handler signs for.
	Merchants []Merchant
	// Verifies is true if the handler verifies notifications, with the public keys in the
	// files GatewayPublicKeys, and signs nothing.
	Verifies          bool
	GatewayPublicKeys []Option
	// Gateways are the hosts that calls go to: the first, and possibly its backup.
	Gateways []Gateway
	// Sandbox is true if the embedded sandbox answers instead of a host.
	Sandbox bool
}

// Options say what to check.
type Options struct {
	// Offline skips everything that needs a network.
	Offline bool
	// Call makes one signed call for each merchant: an orderQuery for an order
	// that does not exist, which moves no money and changes nothing.
	Call bool
}

// Examine runs all checks that the options allow. Once ctx is done, checks that need the
// network fail immediately.
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

// examination is the state of an Examine.
type examination struct {
	options Options
	report  Report
	// keys are the keys that could be loaded, by handler and merchant.
	keys [][]merchantKeys
	// own are the public halves of all keys that sign.
	own []*rsa.PublicKey
	// signers are the merchants that sign with a key, by its fingerprint.
	signers map[string]Merchant
	// reached says for each gateway that was checked whether a call could be sent.
	reached map[gatewayID]bool
}

// merchantKeys are the keys that a merchant signs and verifies with; nil or missing if
// they could not be loaded.
type merchantKeys struct {
	signing, next crypto.Signer
	gateway       []*rsa.PublicKey
}

// add adds results about a subject to the report.
func (e *examination) add(subject string, results ...Result) {
	for _, r := range results {
		r.Subject = subject
		e.report = append(e.report, r)
	}
}

// concluded returns the report. If there is no problem at all, it adds to the successful
// calls that everything works.
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

// handler runs the checks of a handler that need no network, except to reach the source
// of a key.
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

// gateways checks the gateways of a handler, except for those that an earlier handler
// shares.
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

// own returns the public halves of the keys that sign.
func (k merchantKeys) own() []*rsa.PublicKey {
	var own []*rsa.PublicKey
	for _, key := range []crypto.Signer{k.signing, k.next} {
		if public, isRSA := publicOf(key); isRSA {
			own = append(own, public)
		}
	}
	return own
}

// publicOf returns the public half of a key, and whether it is an RSA key.
func publicOf(key crypto.Signer) (*rsa.PublicKey, bool) {
	if key == nil {
		return nil, false
	}
	public, isRSA := key.Public().(*rsa.PublicKey)
	return public, isRSA
}
