package validate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A developer who forgot what Drop-In needs is told everything at once, in actionable
// messages.
func TestOrderAndPayMessages(t *testing.T) {
	var got []string
	for _, v := range lookup(t, "orderAndPay", "1.5").Validate([]byte(`{
		"outTradeNo": "P-1", "integrate": "Direct_Payment", "authorizationType": "FINAL_AUTH", "subject": "Shoes",
		"totalAmount": 0, "currency": "IDR", "userId": "U1", "expireTime": "30m", "notifyUrl": "shop.example",
		"paymentDetail": {"buyerInfo": {"clientIp": "192.0.2.1, 198.51.100.2"}, "merchantInitiated": "no"},
		"goodsDetails": [{"goodsId": "1", "goodsName": "a", "quantity": 2, "price": "5"}]
	}`)) {
		got = append(got, v.Message)
	}
	assert.Equal(t, []string{
		"data.outTradeNo must consist of the letters A to Z and a to z, digits and underscores; replace any other character",
		"data.captureMode is required together with authorizationType; send MANUAL",
		"data.totalAmount must be greater than 0 when neither mitType nor a subscriptionPlan is sent; send the amount",
		`data.expireTime must be whole seconds in digits; send a string such as "1800", at most "86400"`,
		"data.paymentDetail.paymentToken is required together with sessionKey to pay with Drop-In; send the paymentToken that " +
			"the component's canMakePayment returned, or pay another way, with paymentMethodType or paymentTokenID",
		"data.paymentDetail.sessionKey is required together with paymentToken to pay with Drop-In; send the sessionKey of applyDropinSession",
		"data.paymentDetail.buyerInfo.clientIp must be a single IPv4 or IPv6 address; send the user's own, without port or list",
		"data.paymentDetail.buyerInfo.userAgent is required when integrate is Direct_Payment; send the User-Agent of the user's browser",
		"data.paymentDetail.merchantInitiated must be true or false, but a string was sent; send true or false without quotes, or omit it",
		"data.goodsDetails[0].quantity must be a string, but a number was sent; send a string of 1 to 16 characters",
		"data.terminalType is required when integrate is Direct_Payment; send WEB, WAP or APP",
		`data.notifyUrl must be an absolute URL without spaces; send one that starts with "https://" or "http://"`,
	}, got)
}

// Either token alone shows that Drop-In was meant. Then the other token is missing, and so
// are the fields that Drop-In requires and other direct payments do not.
func TestHalfOfDropIn(t *testing.T) {
	for _, tc := range []struct {
		paymentDetail string
		broken        []string
	}{
		{`{"sessionKey":"S"}`, []string{"data.paymentDetail.paymentToken required", "data.paymentDetail.buyerInfo required"}},
		{`{"paymentToken":"T"}`, []string{"data.paymentDetail.sessionKey required", "data.paymentDetail.buyerInfo required"}},
		{`{"paymentMethodType":"WALLET"}`, nil},
	} {
		var broken []string
		for _, v := range lookup(t, "orderAndPay", "1.5").Validate([]byte(`{
			"country": "ID", "outTradeNo": "P1", "integrate": "Direct_Payment", "subject": "s", "totalAmount": 1, "currency": "IDR", "userId": "U1",
			"frontCallbackUrl": "https://shop.example", "terminalType": "WEB", "paymentDetail": ` + tc.paymentDetail + `
		}`)) {
			broken = append(broken, v.Row+" "+v.Rule)
		}
		assert.Equal(t, tc.broken, broken, tc.paymentDetail)
	}
}

// The rows named in violations do not depend on indices or on the names that were sent.
func TestRows(t *testing.T) {
	var got []string
	for _, v := range lookup(t, "orderAndPay", "1.4").Validate([]byte(`{
		"outTradeNo": "P1", "integrate": "Hosted_Checkout", "subject": "s", "totalAmount": 1, "currency": "IDR", "userId": "U1",
		"frontCallbackUrl": "https://shop.example", "goodsDetails": [7, {"goods_id": 1, "goodsName": "a", "quantity": "1", "price": "1"}],
		"paymentDetail": {"allowedCardOrg": ["VISA", 1], "PaymentToken": 1}
	}`)) {
		got = append(got, v.Field+" = "+v.Row+" "+v.Rule)
	}
	assert.Equal(t, []string{
		"/data/paymentDetail/PaymentToken = data.paymentDetail.paymentToken lookAlike",
		"/data/paymentDetail/allowedCardOrg/1 = data.paymentDetail.allowedCardOrg[] type",
		"/data/goodsDetails/0 = data.goodsDetails[] type",
		"/data/goodsDetails/1/goodsId = data.goodsDetails[].goodsId required",
	}, got)
}

// For a plan without its amount, the message says what an amount and a currency look like.
func TestPlanMessages(t *testing.T) {
	var got []string
	for _, v := range lookup(t, "orderAndPay", "1.5").Validate(hostedOrder(`"subscriptionPlan": {"subscriptionNo": "S1", "periodAmount": {}}`)) {
		got = append(got, v.Message)
	}
	assert.Equal(t, []string{
		`data.subscriptionPlan.periodAmount.amount is required; send an amount such as 19.99 or "19.99"`,
		`data.subscriptionPlan.periodAmount.currency is required; send 3 capital letters, such as "IDR"`,
	}, got)
}

// A violation after a field that was sent under another name has the right position.
func TestFieldsAfterAnAlias(t *testing.T) {
	const notify = "data.notifyUrl pattern at /data/notifyUrl"
	for url, want := range map[string][]string{
		"https://shop.example":  {notify},
		"https://other.example": {"data.frontCallbackUrl lookAlike at /data/frontCallbackURL", notify},
	} {
		var broken []string
		for _, v := range lookup(t, "orderAndPay", "1.5").Validate(hostedOrder(`"frontCallbackURL": "` + url + `", "notifyUrl": "shop.example"`)) {
			broken = append(broken, v.Row+" "+v.Rule+" at "+v.Field)
		}
		assert.Equal(t, want, broken, url)
	}
}

// A name that could be taken for that of an object or an array is refused if a field inside
// it decides about money or identity. Otherwise it is an unknown member.
func TestLookAlikesOfObjects(t *testing.T) {
	session := rules(t, "1.6")
	assert.Equal(t, []string{"/data/component_list lookAlike"}, broken(session.Validate(
		[]byte(`{"totalAmount":"1","currency":"IDR","country":"ID","userId":"U1","component_list":[]}`))))

	for name, refused := range map[string]bool{
		"SubMerchant": true, "payment_detail": true, "subscription-plan": true,
		"goods_details": false, "shipping_info": false, "EnvInfo": false, "RiskParams": false,
	} {
		var want []string
		if refused {
			want = []string{"/data/" + name + " lookAlike"}
		}
		assert.Equal(t, want, broken(lookup(t, "orderAndPay", "1.5").Validate(hostedOrder(`"`+name+`": 1`))), name)
	}
}

// hostedOrder returns an order that is paid on PayerMax's page, with further members.
func hostedOrder(more string) []byte {
	return []byte(`{"outTradeNo": "P1", "integrate": "Hosted_Checkout", "subject": "s", "totalAmount": 1, "currency": "IDR", "userId": "U1",
		"frontCallbackUrl": "https://shop.example", ` + more + `}`)
}
