package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRefundData(t *testing.T) {
	for _, tt := range []struct {
		name      string
		over      fields
		code, msg string
	}{
		{"smallest", nil, "", success},
		{"whole", fields{"refundAmount": 40000}, "", success},
		{"comments", fields{"comments": "broken"}, "", success},
		{"small letters", fields{"outTradeNo": "p1642410680681"}, "", success},
		{"no outRefundNo", fields{"outRefundNo": nil}, "", "outRefundNo is invalid,because outRefundNo is null."},
		{"long outRefundNo", fields{"outRefundNo": strings.Repeat("x", 65)}, "", "outRefundNo length must be between 1 and 64,but your input value length is 65."},
		{"no refundAmount", fields{"refundAmount": nil}, "", "refundAmount is invalid,because refundAmount is null."},
		{"zero", fields{"refundAmount": 0}, "AMOUNT_INVALID", "Amount is incorrect."},
		{"decimals", fields{"refundAmount": "0.5"}, "AMOUNT_INVALID", "Amount is incorrect."},
		{"too much", fields{"refundAmount": 40001}, "AMOUNT_INVALID", "Amount is incorrect."},
		{"no refundCurrency", fields{"refundCurrency": nil}, "", "refundCurrency is invalid,because refundCurrency is null."},
		{"small currency", fields{"refundCurrency": "idr"}, "CURRENCY_INVALID", "currency is invalid,because currency is not defined."},
		{"other currency", fields{"refundCurrency": "USD"}, "CURRENCY_INVALID", "currency is invalid,because currency is not defined."},
		{"no order", fields{"outTradeNo": nil}, "", "outTradeNo is invalid,because outTradeNo is null."},
		{"unknown order", fields{"outTradeNo": "P2"}, "ORDER_NOT_EXIST", "Order number does not exist"},
		{"unknown tradeToken", fields{"outTradeNo": nil, "tradeToken": "T1"}, "ORDER_NOT_EXIST", "Order number does not exist"},
		{"contradicting tradeToken", fields{"tradeToken": "T1"}, "ORDER_NOT_EXIST", "Order number does not exist"},
		{"long comments", fields{"comments": strings.Repeat("x", 513)}, "", "comments length must be between 0 and 512,but your input value length is 513."},
		{"long refundNotifyUrl", fields{"refundNotifyUrl": strings.Repeat("x", 257)}, "", "refundNotifyUrl length must be between 0 and 256,but your input value length is 257."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := closing(t, newGateway(t))
			pay(t, g, nil)
			res := call(t, g, "refund", refundFields(1).with(tt.over).String())
			assertAnswered(t, res, tt.code, tt.msg)
		})
	}
}

func TestRefundByTradeToken(t *testing.T) {
	g := closing(t, newGateway(t))
	order := pay(t, g, nil)
	for i, over := range []fields{
		{"tradeToken": order["tradeToken"]},
		{"tradeToken": order["tradeToken"], "outTradeNo": nil},
	} {
		over["outRefundNo"] = string(rune('A' + i))
		back := must(t, g, "refund", refundFields(1).with(over).String())
		assert.Equal(t, order["tradeToken"], back["tradeOrderNo"])
	}
}

// Only a paid order can be refunded.
func TestRefundOfAnUnpaidOrder(t *testing.T) {
	for subject, code := range map[string]string{
		"PENDING": "PAYMENT_PROCESSING", "3DS": "PAYMENT_PROCESSING", "FAILED": "PAYMENT_FAILED",
	} {
		g := closing(t, newGateway(t))
		pay(t, g, fields{"subject": subject})
		assert.Equal(t, code, call(t, g, "refund", refundFields(1).String()).Code, subject)
	}

	g := closing(t, newGateway(t))
	g.TimeScale = 1e6
	pay(t, g, fields{"subject": "3DS"})
	assert.Eventually(t, func() bool {
		return call(t, g, "refund", refundFields(1).String()).Code == "ORDER_CLOSED"
	}, 30*time.Second, time.Millisecond)
}

func TestRefundRepeated(t *testing.T) {
	g := closing(t, newGateway(t))
	pay(t, g, nil)
	pay(t, g, fields{"outTradeNo": "P2"})
	first := must(t, g, "refund", refundFields(25000).String())
	assert.Equal(t, first, must(t, g, "refund", refundFields("25000.00").String()), "the same again")
	for _, over := range []fields{{"refundAmount": 1}, {"outTradeNo": "P2"}, {"refundCurrency": "USD"}} {
		res := call(t, g, "refund", refundFields(25000).with(over).String())
		assertRefused(t, res, "REFUND_NO_INVALID", "Invalid refund order number")
	}
}

// Only refundQuery and the notification report that a refund has succeeded: refund itself has no status for that, not
// even for a repeated request.
func TestRefundRepeatedAfterItsEnd(t *testing.T) {
	for end, again := range map[string]string{"REFUND_SUCCESS": "REFUND_PENDING", "REFUND_FAILED": "REFUND_FAILED"} {
		g := closing(t, newGateway(t))
		pay(t, g, nil)
		first := must(t, g, "refund", refundFields(20000).String())
		assert.Equal(t, "REFUND_PENDING", first["status"])
		sendControl(g, http.MethodPost, "settle", `{"outRefundNo":"R1642411016202","status":"`+end+`"}`)
		assert.Equal(t, end, must(t, g, "refundQuery", `{"outRefundNo":"R1642411016202"}`)["status"])

		second := must(t, g, "refund", refundFields(20000).String())
		assert.Equal(t, again, second["status"])
		assert.Equal(t, first["refundTradeNo"], second["refundTradeNo"])
	}
}

func TestRefundsSumUp(t *testing.T) {
	g := closing(t, newGateway(t))
	pay(t, g, nil)
	give := func(number string, amount int) result {
		return call(t, g, "refund", refundFields(amount).with(fields{"outRefundNo": number}).String())
	}
	assert.Equal(t, "APPLY_SUCCESS", give("A", 15000).Code)
	assert.Equal(t, "APPLY_SUCCESS", give("B", 10000).Code, "fails, and does not count")
	assert.Equal(t, "APPLY_SUCCESS", give("C", 20000).Code, "is pending, and counts")
	assert.Equal(t, "AMOUNT_INVALID", give("D", 5001).Code)
	assert.Equal(t, "APPLY_SUCCESS", give("D", 5000).Code)
	assert.Equal(t, "AMOUNT_INVALID", give("E", 1).Code)
}

func TestRefundSimulation(t *testing.T) {
	for amount, want := range map[string][2]string{
		"10000":  {"REFUND_FAILED", "REFUND_FAILED"},
		"102":    {"REFUND_FAILED", "REFUND_FAILED"},
		"102.00": {"REFUND_FAILED", "REFUND_FAILED"},
		"20000":  {"REFUND_PENDING", "REFUND_PENDING"},
		"202":    {"REFUND_PENDING", "REFUND_PENDING"},
		"203":    {"REFUND_PENDING", "REFUND_SUCCESS"},
	} {
		t.Run(amount, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := closing(t, newGateway(t))
				g.RefundDelay = time.Minute
				pay(t, g, nil)
				assert.Equal(t, want[0], must(t, g, "refund", refundFields(amount).String())["status"])

				for i, after := range []time.Duration{0, g.RefundDelay} {
					time.Sleep(after)
					synctest.Wait()
					view := must(t, g, "refundQuery", `{"outRefundNo":"R1642411016202"}`)
					assert.Equal(t, want[i], view["status"])
					assert.Equal(t, want[i] == "REFUND_PENDING", view["refundFinishTime"] == "")
				}
			})
		})
	}
}

func TestRefundQueryRefusals(t *testing.T) {
	g := closing(t, newGateway(t))
	pay(t, g, nil)
	must(t, g, "refund", refundFields(1).String())
	for data, msg := range map[string]string{
		`{}`:                    "outRefundNo is invalid,because outRefundNo is null.",
		`{"outRefundNo":1}`:     "outRefundNo must be string , but your input is number.",
		`{"refundTradeNo":""}`:  "outRefundNo is invalid,because outRefundNo is null.",
		`{"outRefundNo":"R2"}`:  "Invalid refund order number",
		`{"refundTradeNo":"x"}`: "Invalid refund order number",
		`{"outRefundNo":"R1642411016202","refundTradeNo":"x"}`: "Invalid refund order number",
	} {
		assert.Equal(t, msg, call(t, g, "refundQuery", data).Msg, data)
	}
}

func TestNumber(t *testing.T) {
	for raw, want := range map[string]json.Number{
		`40000`: "40000", `"40000.00"`: "40000", `77.440`: "77.44", `"007"`: "7", `1e3`: "1000", `15e-1`: "1.5", `-0`: "0",
	} {
		value, refused := object{"a": []byte(raw)}.amount("a", []string{"number", "string"}, "USD")
		assert.Nil(t, refused)
		assert.Equal(t, want, number(value), raw)
	}
}
