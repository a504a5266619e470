package verdict

import (
	"crypto/rsa"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// Only PayerMax's own refusal of this call says that no money was moved, and only if its
// status does not say otherwise.
func TestNothingMoved(t *testing.T) {
	const (
		bare   = `{"code":"PAYMENT_FAILED","msg":""}`
		failed = `{"code":"PAYMENT_FAILED","msg":"","data":{"requestId":"C1","status":"FAILED"}}`
		sent   = `{"appId":"app","data":{"requestId":"C1","outTradeNo":"P1"}}`
	)
	gateway := testkeys.Gateway()
	for name, test := range map[string]struct {
		sent, answer string
		by           *rsa.PrivateKey
		unchecked    bool
		want         bool
	}{
		"a refusal":                  {sent, bare, gateway, false, true},
		"a failure":                  {sent, failed, gateway, false, true},
		"nobody signed it":           {sent, bare, nil, false, false},
		"a stranger signed it":       {sent, bare, testkeys.Stranger(), false, false},
		"nobody checked it":          {sent, bare, gateway, true, false},
		"PayerMax is busy":           {sent, `{"code":"SYSTEM_ERROR","msg":""}`, gateway, false, false},
		"it was paid all the same":   {sent, `{"code":"PAYMENT_FAILED","msg":"","data":{"requestId":"C1","status":"SUCCESS"}}`, gateway, false, false},
		"it may fail yet":            {sent, `{"code":"PAYMENT_FAILED","msg":"","data":{"requestId":"C1","status":"FAILED_PENDING"}}`, gateway, false, false},
		"it has two statuses":        {sent, `{"code":"PAYMENT_FAILED","status":"FAILED","data":{"requestId":"C1","status":"FAILED"}}`, gateway, false, false},
		"it names the order only":    {sent, `{"code":"PAYMENT_FAILED","msg":"","data":{"outTradeNo":"P1","status":"FAILED"}}`, gateway, false, false},
		"it names nothing":           {sent, `{"code":"PAYMENT_FAILED","msg":"","data":{"status":"FAILED"}}`, gateway, false, false},
		"it names the call beside":   {sent, `{"code":"PAYMENT_FAILED","requestId":"C1","data":{"status":"FAILED"}}`, gateway, false, false},
		"the call named itself":      {`{"appId":"app","data":{"requestId":"c1"}}`, failed, gateway, false, true},
		"the call had no number":     {`{"appId":"app","data":{}}`, failed, gateway, false, false},
		"the call had it in no data": {`{"appId":"app","requestId":"C1","data":{}}`, failed, gateway, false, false},
		"it is another call's":       {`{"appId":"app","data":{"requestId":"C2"}}`, failed, gateway, false, false},
	} {
		asked := questionOf(t, "capture", test.sent)
		if !test.unchecked {
			asked.Keys = append(asked.Keys, &gateway.PublicKey)
		}
		a := &reply.Answer{Status: http.StatusOK, Body: []byte(test.answer)}
		if test.by != nil {
			a.Header().Set("Sign", signatureOf(t, test.by, test.answer))
		}
		found, _, _ := NewJudge().Decide(a, asked)
		assert.False(t, found.NothingMoved, "%s: no budget asks", name)
		asked.Budgeted = true
		found, _, _ = NewJudge().Decide(a, asked)
		assert.Equal(t, test.want, found.NothingMoved, name)
	}
}
