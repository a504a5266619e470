package e2e

import (
	"crypto/rsa"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// moving are the endpoints that move money, each with the data of a call. The number by which
// PayerMax recognises a repeated call is left open.
var moving = map[string]string{
	"orderAndPay": `{"outTradeNo":%q,"integrate":"Direct_Payment","subject":"Socks","totalAmount":40000,"currency":"IDR",` +
		`"country":"ID","userId":"U10001","terminalType":"WEB","paymentDetail":{"paymentToken":"332e4cc1af1740aeafe9e7df82aeb5a1",` +
		`"sessionKey":"bdsf8982348974hhf82934bf8239424","buyerInfo":{"clientIp":"59.82.59.92","userAgent":"Chrome"}}}`,
	"refund": `{"outRefundNo":%q,"outTradeNo":"P1","refundAmount":"15000","refundCurrency":"IDR"}`,
}

// payment returns a request that moves money, with these header lines, and its number, which
// consists of the word and a unique part.
func payment(endpoint, word string, fields ...string) (raw, number string) {
	number = fmt.Sprintf("%s_%d_", word, lastUser.Add(1))
	body := `{"data":` + fmt.Sprintf(moving[endpoint], number) + `}`
	return strings.Replace(post(body, fields...), endpointPath, strings.Replace(endpointPath, "applyDropinSession", endpoint, 1), 1), number
}

// newPaymentUpstream is like newUpstream, for the calls of all endpoints.
func newPaymentUpstream(t *testing.T) *upstream {
	t.Helper()
	return newUpstreamFor(t, map[string]*rsa.PrivateKey{appID: testkeys.Merchant()})
}

// pay makes a payment and checks that it was made once.
func pay(t *testing.T, s *sidecar, gateway *upstream, endpoint string) *response {
	t.Helper()
	raw, number := payment(endpoint, "paid")
	res := s.send(t, raw)
	requireSuccess(t, res)
	assert.Len(t, gateway.about(number), 1)
	return res
}
