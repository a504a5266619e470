package sandbox

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestOrderAndPayData(t *testing.T) {
	null := func(name string) string { return name + " is invalid,because " + name + " is null." }
	undefined := func(name string) string { return name + " is invalid,because " + name + " is not defined." }
	long := func(n int) string { return strings.Repeat("x", n) }

	for _, tt := range []struct {
		name   string
		order  fields // members added to or replaced in the valid order
		detail fields // the same for its paymentDetail
		code   string
		msg    string
	}{
		{name: "smallest", msg: success},
		{name: "all members", order: fields{
			"expireTime": "7200", "referralCode": "r", "mitManagementUrl": "https://shop.example", "language": "en",
			"osType": "IOS", "frontCallbackUrl": "https://shop.example", "notifyUrl": "https://shop.example",
		}, detail: fields{"tokenForFutureUse": true, "merchantInitiated": false, "mitType": "UNSCHEDULED"}, msg: success},

		{name: "no outTradeNo", order: fields{"outTradeNo": nil}, msg: null("outTradeNo")},
		{name: "number outTradeNo", order: fields{"outTradeNo": 1}, msg: "outTradeNo must be string , but your input is number."},
		{name: "longest outTradeNo", order: fields{"outTradeNo": long(64)}, msg: success},
		{name: "long outTradeNo", order: fields{"outTradeNo": long(65)}, msg: "outTradeNo length must be between 1 and 64,but your input value length is 65."},
		{name: "underscore", order: fields{"outTradeNo": "A_1"}, msg: success},
		{name: "hyphen", order: fields{"outTradeNo": "A-1"}, msg: "outTradeNo must be letters, digits and underscores , but your input is A-1."},
		{name: "umlaut", order: fields{"outTradeNo": "Ä1"}, msg: "outTradeNo must be letters, digits and underscores , but your input is Ä1."},

		{name: "no integrate", order: fields{"integrate": nil}, msg: success},
		{name: "other integrate", order: fields{"integrate": "Other"}, msg: "integrate must be Direct_Payment or Hosted_Checkout , but your input is Other."},
		{name: "cashier", order: fields{"integrate": "Hosted_Checkout", "paymentDetail": nil, "terminalType": nil, "country": nil}, msg: success},
		{name: "another name of frontCallbackUrl", order: fields{"frontCallbackURL": "https://shop.example"}, msg: success},
		{name: "no subject", order: fields{"subject": nil}, msg: null("subject")},
		{name: "long subject", order: fields{"subject": long(257)}, msg: "subject length must be between 1 and 256,but your input value length is 257."},
		{name: "no userId", order: fields{"userId": nil}, msg: null("userId")},
		{name: "other userId", order: fields{"userId": "U2"}, msg: undefined("userId")},
		{name: "no terminalType", order: fields{"terminalType": nil}, msg: null("terminalType")},
		{name: "other terminalType", order: fields{"terminalType": "TV"}, msg: "terminalType must be WEB or WAP or APP , but your input is TV."},
		{name: "WAP", order: fields{"terminalType": "WAP"}, msg: success},

		{name: "no totalAmount", order: fields{"totalAmount": nil}, msg: null("totalAmount")},
		{name: "string totalAmount", order: fields{"totalAmount": "40000.00"}, msg: success},
		{name: "boolean totalAmount", order: fields{"totalAmount": true}, msg: "totalAmount must be number , but your input is boolean."},
		{name: "zero", order: fields{"totalAmount": 0}, code: "AMOUNT_INVALID", msg: "Amount is incorrect."},
		{name: "negative", order: fields{"totalAmount": -1}, code: "AMOUNT_INVALID", msg: "Amount is incorrect."},
		{name: "decimals", order: fields{"totalAmount": 40000.5}, code: "AMOUNT_INVALID", msg: "Amount is incorrect."},
		{name: "other amount than the session's", order: fields{"totalAmount": 40001}, code: "AMOUNT_INVALID", msg: "Amount is incorrect."},
		{name: "no currency", order: fields{"currency": nil}, msg: null("currency")},
		{name: "small currency", order: fields{"currency": "idr"}, code: "CURRENCY_INVALID", msg: "currency is invalid,because currency is not defined."},
		{name: "other currency than the session's", order: fields{"currency": "USD"}, code: "CURRENCY_INVALID", msg: "currency is invalid,because currency is not defined."},
		{name: "unknown currency", order: fields{"currency": "QQQ"}, code: "CURRENCY_INVALID", msg: "currency is invalid,because currency is not defined."},
		{name: "no country", order: fields{"country": nil}, msg: success},
		{name: "unknown country", order: fields{"country": "XX"}, code: "COUNTRY_INVALID", msg: "No country support, pls re-pay."},
		{name: "long country", order: fields{"country": "IDN"}, code: "COUNTRY_INVALID", msg: "No country support, pls re-pay."},

		{name: "expireTime in words", order: fields{"expireTime": "soon"}, msg: "expireTime must be seconds , but your input is soon."},
		{name: "number expireTime", order: fields{"expireTime": 7200}, msg: "expireTime must be string , but your input is number."},
		{name: "long notifyUrl", order: fields{"notifyUrl": long(257)}, msg: "notifyUrl length must be between 0 and 256,but your input value length is 257."},
		{name: "long frontCallbackUrl", order: fields{"frontCallbackUrl": long(1025)}, msg: "frontCallbackUrl length must be between 0 and 1024,but your input value length is 1025."},
		{name: "long referralCode", order: fields{"referralCode": long(33)}, msg: "referralCode length must be between 0 and 32,but your input value length is 33."},
		{name: "long language", order: fields{"language": long(17)}, msg: "language length must be between 0 and 16,but your input value length is 17."},

		{name: "no paymentDetail", order: fields{"paymentDetail": nil}, msg: null("paymentDetail")},
		{name: "string paymentDetail", order: fields{"paymentDetail": "x"}, msg: "paymentDetail must be object , but your input is string."},
		{name: "no buyerInfo", detail: fields{"buyerInfo": nil}, msg: null("buyerInfo")},
		{name: "no clientIp", detail: fields{"buyerInfo": fields{"userAgent": "x"}}, msg: null("clientIp")},
		{name: "no userAgent", detail: fields{"buyerInfo": fields{"clientIp": "x"}}, msg: null("userAgent")},
		{name: "array buyerInfo", detail: fields{"buyerInfo": []int{}}, msg: "buyerInfo must be object , but your input is array."},
		{name: "no sessionKey", detail: fields{"sessionKey": nil}, msg: null("sessionKey")},
		{name: "unknown sessionKey", detail: fields{"sessionKey": "x"}, msg: undefined("sessionKey")},
		{name: "no paymentToken", detail: fields{"paymentToken": nil}, msg: null("paymentToken")},
		{name: "empty paymentToken", detail: fields{"paymentToken": ""}, msg: "paymentToken length must be between 1 and 1048576,but your input value length is 0."},
		{name: "expired paymentToken", detail: fields{"paymentToken": "SANDBOX_EXPIRED"}, msg: undefined("paymentToken")},
		{name: "string tokenForFutureUse", detail: fields{"tokenForFutureUse": "true"}, msg: success},
		{name: "number tokenForFutureUse", detail: fields{"tokenForFutureUse": 1}, msg: "tokenForFutureUse must be boolean , but your input is number."},
		{name: "charged without a card", detail: fields{"merchantInitiated": true}, msg: null("paymentTokenID")},
		{name: "unknown card", detail: fields{"paymentTokenID": "PM1"}, msg: undefined("paymentTokenID")},
		{name: "string merchantInitiated", detail: fields{"merchantInitiated": "no"}, msg: "merchantInitiated must be boolean , but your input is string."},
		{name: "misspelt mitType", detail: fields{"mitType": "UNSCHDULED"}, msg: "mitType must be SCHEDULED or UNSCHEDULED , but your input is UNSCHDULED."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := closing(t, newGateway(t))
			order := orderFields(openSession(t, g))
			detail := order["paymentDetail"].(fields).with(tt.detail)
			res := call(t, g, "orderAndPay", order.with(fields{"paymentDetail": detail}).with(tt.order).String())
			assertAnswered(t, res, tt.code, tt.msg)
		})
	}
}

// A card can be saved only in a session that was opened for it.
func TestOrderAndPayFutureUseNeedsTheSessions(t *testing.T) {
	g := closing(t, newGateway(t))
	session := must(t, g, "applyDropinSession", validData)["sessionKey"].(string)
	detail := detailFields(session).with(fields{"tokenForFutureUse": true})
	res := call(t, g, "orderAndPay", orderFields(session).with(fields{"totalAmount": 10000, "paymentDetail": detail}).String())
	assertRefused(t, res, "PARAMS_INVALID", "tokenForFutureUse is invalid,because tokenForFutureUse is not defined.")
}

// A session without an amount, or with an amount of 0, leaves the amount to the order.
func TestOrderAndPayAmountOfTheSession(t *testing.T) {
	for _, amount := range []string{`"totalAmount":0,`, ``} {
		g := closing(t, newGateway(t))
		body := requestBody(map[bool]string{true: "1.1", false: "1.5"}[amount == ""],
			`{`+amount+`"currency":"IDR","country":"ID","userId":"U10001"}`)
		res := ask(t, g, body)
		key := strings.Split(strings.SplitAfter(string(res.Data), `"sessionKey":"`)[1], `"`)[0]
		assert.Equal(t, "SUCCESS", must(t, g, "orderAndPay", orderFields(key).String())["status"])
	}
}

func TestOrderRepeat(t *testing.T) {
	g := closing(t, newGateway(t))
	pay(t, g, nil)
	for _, number := range []string{"P1642410680681", "p1642410680681"} {
		order := orderFields(openSession(t, g)).with(fields{"outTradeNo": number})
		assertRefused(t, call(t, g, "orderAndPay", order.String()), "ORDER_REPEAT", "Duplicate order")
	}
	// A refused order leaves its number free.
	refused := orderFields("x").with(fields{"outTradeNo": "P2"})
	assert.Equal(t, "PARAMS_INVALID", call(t, g, "orderAndPay", refused.String()).Code)
	pay(t, g, fields{"outTradeNo": "P2"})
}

// A buyer who has not completed an order yet is sent to the same page again (cashier's pages).
func TestOrderRepeatedWhilePending(t *testing.T) {
	for _, over := range []fields{{"subject": "3DS"}, {"integrate": "Hosted_Checkout", "paymentDetail": nil}} {
		g := closing(t, newGateway(t))
		first := pay(t, g, over)
		assert.Equal(t, first, pay(t, g, over))
		other := over.with(fields{"userId": "U2"})
		if over["subject"] == nil {
			assert.Equal(t, "ORDER_REPEAT", call(t, g, "orderAndPay", orderFields("x").with(other).String()).Code)
		}
		visit(g, first, "SUCCESS")
		assert.Equal(t, "ORDER_REPEAT", call(t, g, "orderAndPay", orderFields(openSession(t, g)).with(over).String()).Code)
	}
}

// A PENDING order stays pending until it is settled.
func TestSettle(t *testing.T) {
	for status, want := range map[string]int{"SUCCESS": 204, "FAILED": 204, "CLOSED": 204, "PENDING": 400, "REFUND_SUCCESS": 400, "": 400} {
		g := closing(t, newGateway(t))
		s := newShop(t)
		pay(t, g, fields{"subject": "PENDING", "notifyUrl": s.URL})
		w := sendControl(g, http.MethodPost, "settle", `{"outTradeNo":"p1642410680681","status":"`+status+`"}`)
		assert.Equal(t, want, w.Code, w.Body)
		if want != 204 {
			assert.Equal(t, "PENDING", orderStatus(t, g))
			continue
		}
		assert.Equal(t, status, orderStatus(t, g))
		_, data := readNotification(t, g, s.wait(t, 1)[0])
		assert.Equal(t, status, data["status"])
		again := sendControl(g, http.MethodPost, "settle", `{"outTradeNo":"P1642410680681","status":"SUCCESS"}`)
		assert.Equal(t, http.StatusBadRequest, again.Code)
	}
	g := closing(t, newGateway(t))
	pay(t, g, nil)
	must(t, g, "refund", refundFields(202).String())
	for body, want := range map[string]int{
		`{}`: 400, `{"outTradeNo":"P2","status":"SUCCESS"}`: 400, `{"outRefundNo":"R2","status":"REFUND_SUCCESS"}`: 400,
		`{"outTradeNo":"P1642410680681","outRefundNo":"R1642411016202","status":"SUCCESS"}`: 400, `{"order":"P"}`: 400, `x`: 400,
		`{"outRefundNo":"R1642411016202","status":"SUCCESS"}`: 400,
	} {
		assert.Equal(t, want, sendControl(g, http.MethodPost, "settle", body).Code, body)
	}
	assert.Equal(t, http.StatusNoContent, sendControl(g, http.MethodPost, "settle", `{"outRefundNo":"R1642411016202","status":"REFUND_FAILED"}`).Code)
	assert.Equal(t, "REFUND_FAILED", must(t, g, "refundQuery", `{"outRefundNo":"R1642411016202"}`)["status"])
}

func TestReferenceIsReturned(t *testing.T) {
	g := closing(t, newGateway(t))
	s := newShop(t)
	pay(t, g, fields{"reference": "basket 7", "notifyUrl": s.URL})
	assert.Equal(t, "basket 7", must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)["reference"])
	_, data := readNotification(t, g, s.wait(t, 1)[0])
	assert.Equal(t, "basket 7", data["reference"])
}

func TestOrderQueryRefusals(t *testing.T) {
	g := newGateway(t)
	assertRefused(t, call(t, g, "orderQuery", `{}`), "PARAMS_INVALID", "outTradeNo is invalid,because outTradeNo is null.")
	assertRefused(t, call(t, g, "orderQuery", `{"outTradeNo":1}`), "PARAMS_INVALID", "outTradeNo must be string , but your input is number.")
	assertRefused(t, call(t, g, "orderQuery", `{"outTradeNo":"P1"}`), "ORDER_NOT_EXIST", "Order number does not exist")
}

func TestSimulation(t *testing.T) {
	for _, tt := range []struct{ subject, token, want, final string }{
		{"SUCCESS", "x", "SUCCESS", "SUCCESS"},
		{"60 diamonds", "x", "SUCCESS", "SUCCESS"},
		{"failed", "x", "SUCCESS", "SUCCESS"},
		{"FAILED", "x", "FAILED", "FAILED"},
		{"PENDING", "x", "PENDING", "PENDING"},
		{"3DS", "x", "PENDING", "CLOSED"},
		{"60 diamonds", "SANDBOX_FAILED", "FAILED", "FAILED"},
		{"60 diamonds", "SANDBOX_PENDING", "PENDING", "PENDING"},
		{"60 diamonds", "SANDBOX_3DS", "PENDING", "CLOSED"},
		{"FAILED", "SANDBOX_SUCCESS", "SUCCESS", "SUCCESS"},
	} {
		t.Run(tt.subject+" "+tt.token, func(t *testing.T) {
			g := closing(t, newGateway(t))
			g.TimeScale = 1e4 // the expiry becomes 180 ms
			detail := detailFields(openSession(t, g)).with(fields{"paymentToken": tt.token})
			order := pay(t, g, fields{"subject": tt.subject, "paymentDetail": detail})
			assert.Equal(t, tt.want, order["status"])
			assert.Equal(t, tt.final == "CLOSED", order["redirectUrl"] != nil)
			assert.Eventually(t, func() bool { return orderStatus(t, g) == tt.final }, 30*time.Second, 5*time.Millisecond)

			view := must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)
			assert.Equal(t, tt.final == "SUCCESS" || tt.final == "FAILED", view["completeTime"] != nil)
			assert.Equal(t, tt.final == "SUCCESS", len(view["paymentDetails"].([]any)) > 0, "only what was paid has a card")
			code := map[string]string{"SUCCESS": "APPLY_SUCCESS", "PENDING": "PAYMENT_PROCESSING"}[tt.final]
			if code == "" {
				code = "PAYMENT_FAILED"
			}
			assert.Equal(t, code, view["resultCode"])
		})
	}
}

func TestPendingOrderView(t *testing.T) {
	g := closing(t, newGateway(t))
	pay(t, g, fields{"subject": "PENDING"})
	view := must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)
	assert.Equal(t, "PENDING", view["status"])
	assert.Equal(t, "PAYMENT_PROCESSING", view["resultCode"])
	assert.NotContains(t, view, "completeTime")
	assert.Equal(t, []any{}, view["paymentDetails"])
}

func TestReadExpiry(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 1800 * time.Second, "0": 1800 * time.Second, "1800": 1800 * time.Second, "7200": 2 * time.Hour,
		"86400": 24 * time.Hour, "999999999": 24 * time.Hour,
	} {
		got, refused := readExpiry(text)
		assert.Nil(t, refused)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"-1", "1.5", "1e3", "9999999999", " 1800"} {
		_, refused := readExpiry(text)
		assert.NotNil(t, refused, text)
	}
}
