package doctor

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

const (
	// callCheck is the name of the check.
	callCheck = "call"
	// queryPath is the path of orderQuery.
	queryPath = protocol.PathPrefix + protocol.OrderQueryEndpoint
	// maxAnswer is how many bytes of an answer are read; an answer to orderQuery has a few
	// kilobytes.
	maxAnswer = 1 << 20
)

// answer is the gateway's answer to the call.
type answer struct {
	status int
	sign   []string
	body   []byte
	// code is the code in the body, or "" if the body is not PayerMax's JSON.
	code string
}

// checkCall queries an order that cannot exist, signed like the sidecar's calls, and
// explains the answer. The call moves no money and changes nothing.
func checkCall(ctx context.Context, g Gateway, m Merchant, keys merchantKeys) []Result {
	const name = callCheck
	received, err := query(ctx, g, m, keys.signing)
	if err != nil {
		return []Result{problem(name, "%s", err).then("check the findings about the connection above, and try again%s", g.allowList())}
	}
	if received.code == protocol.CodeSignVerifyFailed && keys.next != nil {
		if second, err := query(ctx, g, m, keys.next); err == nil && second.code != protocol.CodeSignVerifyFailed && second.code != "" {
			return []Result{warning(name, "PayerMax refuses the private key and accepts the next key, so it has already changed over").
				then("make the next key the private key; until then, each sidecar switches to the next key on its own"), checkAnswer(keys.gateway, second)}
		}
	}
	if received.code == "" {
		return []Result{problem(name, "HTTP %d, but not PayerMax's JSON: another system answered, such as a proxy or a firewall", received.status).
			then("check gateway%s, and the proxies and firewalls between it and this machine%s", g.schemeHint(), g.allowList())}
	}
	return []Result{explain(received.code, g, m, keys, received.signedBy(keys.gateway) != nil), checkAnswer(keys.gateway, received)}
}

// query makes one signed call.
func query(ctx context.Context, g Gateway, m Merchant, key crypto.Signer) (*answer, error) {
	body, err := queryBody(m, time.Now())
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(ctx, key, body)
	if err != nil {
		return nil, fmt.Errorf("signing failed: %s", Discreet(err.Error()))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+queryPath, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the gateway's URL is invalid")
	}
	request.GetBody = nil // otherwise net/http could send it twice
	for field, value := range map[string]string{
		"Accept": "application/json", "Accept-Encoding": "identity",
		"Content-Type": "application/json", "User-Agent": protocol.SidecarName, protocol.SignHeader: signature,
	} {
		request.Header.Set(field, value)
	}
	if m.AuthToken.Value != "" {
		request.Header[protocol.AuthTokenHeader] = []string{m.AuthToken.Value}
	}
	response, err := g.client().Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s", exchangeFailure(err))
	}
	defer response.Body.Close()
	received := &answer{status: response.StatusCode, sign: response.Header[protocol.SignHeader]}
	if received.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer)); err != nil {
		return nil, fmt.Errorf("the answer broke off: %s", exchangeFailure(err))
	}
	if code, err := envelope.Code(received.body); err == nil {
		received.code = code
	}
	return received, nil
}

// queryBody returns the body of the call, filled in like the sidecar's requests.
func queryBody(m Merchant, now time.Time) ([]byte, error) {
	number, err := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil))
	if err != nil {
		return nil, err
	}
	request, err := envelope.Read(fmt.Appendf(nil, `{"data":{"outTradeNo":"DOCTOR%020d"}}`, number))
	if err != nil {
		return nil, err
	}
	return request.Fill(envelope.Identity{
		Version: m.QueryVersion, KeyVersion: cmp.Or(m.KeyVersion.Value, protocol.KeyVersion),
		AppID: m.AppID.Value, MerchantNo: m.MerchantNo.Value, SPMerchantNo: m.SPMerchantNo.Value,
	}, now), nil
}

// signedBy returns the key that verifies the answer's signature, or nil if there is none,
// or not exactly one signature.
func (a *answer) signedBy(keys []*rsa.PublicKey) *rsa.PublicKey {
	if len(a.sign) != 1 {
		return nil
	}
	for _, key := range keys {
		if signer.Verify(key, a.body, a.sign[0]) == nil {
			return key
		}
	}
	return nil
}

// checkAnswer verifies the signature of the answer.
func checkAnswer(keys []*rsa.PublicKey, a *answer) Result {
	const name = "answer"
	switch {
	case len(keys) == 0:
		return notChecked(name, "no usable gateway public key is configured, so its signature cannot be verified")
	case len(a.sign) == 0 && a.code == protocol.CodeApplySuccess:
		return problem(name, "it says %s but is not signed, so the sidecar would not pass it on", protocol.CodeApplySuccess).
			then("find out which system answers instead of PayerMax")
	case len(a.sign) == 0:
		return ok(name, "it is not signed; PayerMax does not document whether refusals are signed, and the sidecar passes them on")
	case len(a.sign) > 1:
		return problem(name, "it has %d signatures, so the sidecar would not pass it on", len(a.sign))
	}
	if key := a.signedBy(keys); key != nil {
		return ok(name, "its signature verifies with %s", signer.Fingerprint(key))
	}
	return problem(name, "its signature does not verify with any configured gateway_public_key, so the sidecar would withhold every answer (CHECK_SIGN_ERROR)").
		then("download PayerMax's public key for this environment from the dashboard again; uat and production have different keys")
}
