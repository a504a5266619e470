package e2e

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// The next key takes over at the first answer that shows that PayerMax accepted its signature. A
// refusal of the request shows that as well: an application that asks for an order that does not
// exist must not keep payments from being made. Only PayerMax's own answer counts, and one that
// says that PayerMax is busy shows nothing.
func TestNextKeyTakesOver(t *testing.T) {
	t.Parallel()
	const wrongKey = `{"code":"SIGN_VERIFY_FAILED","msg":"The signature verify failed."}`
	ofCode := func(code string) string { return `{"code":"` + code + `","msg":""}` }
	for name, test := range map[string]struct {
		body      string
		isSigned  bool
		takesOver bool
		code      string // the code that the application gets
	}{
		"the order does not exist":         {ofCode("ORDER_NOT_EXIST"), true, true, "ORDER_NOT_EXIST"},
		"it is refused, and nobody signed": {ofCode("ORDER_NOT_EXIST"), false, false, "SIGN_VERIFY_FAILED"},
		"it is refused, for another call":  {`{"code":"ORDER_NOT_EXIST","msg":"","data":{"outTradeNo":"P2"}}`, true, false, "SIGN_VERIFY_FAILED"},
		"PayerMax is busy":                 {ofCode("SYSTEM_ERROR"), true, false, "SIGN_VERIFY_FAILED"},
		"PayerMax throttles":               {ofCode("TOO_MANY_REQUEST"), true, false, "SIGN_VERIFY_FAILED"},
		"the clock is wrong":               {ofCode("REQ_TIME_OVER_TIME"), true, false, "SIGN_VERIFY_FAILED"},
		"a code that nobody knows":         {ofCode("SOMETHING_NEW"), true, false, "SIGN_VERIFY_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := open(t, anyPort, nil)
			gateway.answers(func(conn net.Conn, r *request) bool {
				if verify(&testkeys.Next().PublicKey, r.body, r.values("sign")[0]) != nil {
					return answerWith(signed(wrongKey))(conn, r)
				}
				if test.isSigned {
					return answerWith(signed(test.body))(conn, r)
				}
				return answerWith(message("200 OK", test.body, typeJSON))(conn, r)
			})
			s := startSidecar(t, setup{
				gateway: gateway.url(),
				options: "endpoints orderQuery orderAndPay\nnext_private_key " + testkeys.WritePrivate(t, testkeys.Next()),
			})
			ask := callOf("orderQuery", `{"data":{"outTradeNo":"P1"}}`)
			assert.Contains(t, string(s.send(t, ask).body), test.code)
			require.Len(t, gateway.received(), 2, "signed with the one key, then with the other")

			raw, number := payment("orderAndPay", "after")
			s.send(t, raw)
			made := gateway.about(number)
			require.Len(t, made, 1, "no payment is sent twice")
			err := verify(&testkeys.Next().PublicKey, made[0].body, made[0].values("sign")[0])
			assert.Equal(t, test.takesOver, err == nil, "signed with the next key")
		})
	}
}
