package sandbox

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCancel(t *testing.T) {
	g := closing(t, newGateway(t))
	s := newShop(t)
	authorize(t, g, fields{"notifyUrl": s.URL})
	s.wait(t, 1)

	released := must(t, g, "cancel", cancelFields().String())
	assert.Regexp(t, `^20220117090552ED\d{14}$`, released["cancelNo"])
	want := map[string]any{
		"cancelNo": released["cancelNo"], "requestId": "V1642411016202", "outTradeNo": "P1642410680681", "status": "SUCCESS",
		"createdTime": "2022-01-17T09:05:52 +0000", "succeededTime": "2022-01-17T09:05:52 +0000",
		"failedTime": nil, "errorCode": nil, "errorMsg": nil,
	}
	assert.Equal(t, want, released)
	envelope, data := readNotification(t, g, s.wait(t, 2)[1])
	assert.Equal(t, "CANCEL", envelope["notifyType"])
	assert.Equal(t, "APPLY_SUCCESS", envelope["code"])
	assert.Equal(t, want, data)

	view := must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)
	assert.Equal(t, []any{"CLOSED", "ORDER_CLOSED", "Order closed"}, []any{view["status"], view["resultCode"], view["resultMsg"]})
	assert.Equal(t, "MANUAL", view["captureMode"])

	// Repeating the cancellation returns the same answer; anything else is too late.
	assert.Equal(t, want, must(t, g, "cancel", cancelFields().String()))
	for endpoint, data := range map[string]fields{
		"cancel": cancelFields().with(fields{"requestId": "V2"}), "capture": captureFields(1), "refund": refundFields(1),
	} {
		assertRefused(t, call(t, g, endpoint, data.String()), "ORDER_CLOSED", "Order closed")
	}
	s.wait(t, 2)
}

func TestCancelData(t *testing.T) {
	g := closing(t, newGateway(t))
	authorize(t, g, nil)
	authorize(t, g, fields{"outTradeNo": "P2"})
	for _, tt := range []struct {
		over      fields
		code, msg string
	}{
		{fields{"requestId": nil}, "PARAMS_INVALID", "requestId is invalid,because requestId is null."},
		{fields{"outTradeNo": nil}, "PARAMS_INVALID", "outTradeNo is invalid,because outTradeNo is null."},
		{fields{"requestId": 1}, "PARAMS_INVALID", "requestId must be string , but your input is number."},
		{fields{"outTradeNo": ""}, "PARAMS_INVALID", "outTradeNo length must be between 1 and 64,but your input value length is 0."},
		{fields{"outTradeNo": "P3"}, "ORDER_NOT_EXIST", "Order number does not exist"},
	} {
		assertRefused(t, call(t, g, "cancel", cancelFields().with(tt.over).String()), tt.code, tt.msg)
	}
	must(t, g, "cancel", cancelFields().String())
	other := cancelFields().with(fields{"outTradeNo": "P2"})
	assertRefused(t, call(t, g, "cancel", other.String()), "ORDER_REPEAT", "Duplicate order")
	assert.Equal(t, "AUTH_FAILED", captureThenCancel(t, g, "P2").Code)
}

// captureThenCancel captures an order and returns the answer to a cancellation after that.
func captureThenCancel(t *testing.T, g *Gateway, outTradeNo string) result {
	t.Helper()
	must(t, g, "capture", captureFields(1).with(fields{"outTradeNo": outTradeNo}).String())
	return call(t, g, "cancel", cancelFields().with(fields{"requestId": "late", "outTradeNo": outTradeNo}).String())
}

// Only what is authorised can be captured or cancelled.
func TestNothingHeld(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(t *testing.T, g *Gateway)
		code string
	}{
		{"paid at once", func(t *testing.T, g *Gateway) { pay(t, g, nil) }, "AUTH_FAILED"},
		{"failed", func(t *testing.T, g *Gateway) { authorize(t, g, fields{"subject": "FAILED"}) }, "PAYMENT_FAILED"},
		{"pending", func(t *testing.T, g *Gateway) { authorize(t, g, fields{"subject": "PENDING"}) }, "PAYMENT_PROCESSING"},
		{"not challenged yet", func(t *testing.T, g *Gateway) { authorize(t, g, fields{"subject": "3DS"}) }, "PAYMENT_PROCESSING"},
		{"failed in the challenge", func(t *testing.T, g *Gateway) {
			visit(g, authorize(t, g, fields{"subject": "3DS"}), "FAILED")
		}, "PAYMENT_FAILED"},
		{"authorised in the challenge", func(t *testing.T, g *Gateway) {
			visit(g, authorize(t, g, fields{"subject": "3DS"}), "SUCCESS")
		}, "APPLY_SUCCESS"},
		{"expired at once", func(t *testing.T, g *Gateway) { authorizeWith(t, g, "SANDBOX_AUTH_EXPIRED", nil) }, "AUTH_EXPIRED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for endpoint, data := range map[string]fields{"capture": captureFields(1), "cancel": cancelFields()} {
				g := closing(t, newGateway(t))
				tt.make(t, g)
				assert.Equal(t, tt.code, call(t, g, endpoint, data.String()).Code, endpoint)
			}
		})
	}
}

// An authorisation is valid for seven days by the gateway's clock, whatever TimeScale is.
func TestAuthorizationExpires(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for _, tt := range []struct {
		after time.Duration
		code  string
	}{
		{0, "APPLY_SUCCESS"}, {week - time.Millisecond, "APPLY_SUCCESS"}, {week, "AUTH_EXPIRED"}, {52 * week, "AUTH_EXPIRED"},
	} {
		for endpoint, data := range map[string]fields{"capture": captureFields(1), "cancel": cancelFields()} {
			g := closing(t, newGateway(t))
			g.TimeScale = 1e6
			move := movableClock(g)
			authorize(t, g, nil)
			move(tt.after)

			view := must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)
			if tt.code == "AUTH_EXPIRED" {
				assert.Equal(t, []any{"CLOSED", "AUTH_EXPIRED", "Authorization expired"}, []any{view["status"], view["resultCode"], view["resultMsg"]})
				assert.Equal(t, "AUTH_EXPIRED", call(t, g, "refund", refundFields(1).String()).Code)
			} else {
				assert.Equal(t, "SUCCESS", view["status"])
			}
			assert.Equal(t, tt.code, call(t, g, endpoint, data.String()).Code, "%s after %s", endpoint, tt.after)
			// A capture or a cancellation does not expire with the authorisation.
			move(week)
			assert.Equal(t, tt.code, call(t, g, endpoint, data.String()).Code)
		}
	}
}

func TestCaptureMode(t *testing.T) {
	const null = "captureMode is invalid,because captureMode is null."
	for _, tt := range []struct {
		name           string
		session, order fields
		manual         bool
		msg            string
	}{
		{name: "neither"},
		{name: "both", session: fields{"captureMode": "MANUAL", "authorizationType": "FINAL_AUTH"}, order: fields{"captureMode": "MANUAL", "authorizationType": "FINAL_AUTH"}, manual: true},
		{name: "captureMode alone", session: fields{"captureMode": "MANUAL"}, order: fields{"captureMode": "MANUAL"}, manual: true},
		{name: "only the order's", order: fields{"captureMode": "MANUAL"}, manual: true},
		{name: "only the session's", session: fields{"captureMode": "MANUAL"}, msg: null},
		{name: "authorizationType alone", order: fields{"authorizationType": "FINAL_AUTH"}, msg: null},
		{name: "other captureMode", order: fields{"captureMode": "AUTOMATIC"}, msg: "captureMode must be MANUAL , but your input is AUTOMATIC."},
		{name: "other authorizationType", order: fields{"captureMode": "MANUAL", "authorizationType": "PRE_AUTH"}, msg: "authorizationType must be FINAL_AUTH , but your input is PRE_AUTH."},
		{name: "boolean captureMode", order: fields{"captureMode": true}, msg: "captureMode must be string , but your input is boolean."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := closing(t, newGateway(t))
			session := fields{"totalAmount": 40000, "currency": "IDR", "country": "ID", "userId": "U10001"}.with(tt.session)
			key := must(t, g, "applyDropinSession", session.String())["sessionKey"].(string)
			res := call(t, g, "orderAndPay", orderFields(key).with(tt.order).String())
			if tt.msg != "" {
				assertRefused(t, res, "PARAMS_INVALID", tt.msg)
				return
			}
			assert.Equal(t, "APPLY_SUCCESS", res.Code, res.Msg)
			deviates := tt.manual && tt.session == nil
			assert.Equal(t, deviates, slices.Contains(g.state().recentCalls()[0].Deviations, "captureMode is MANUAL, and its session has none"))
			want := "AUTH_FAILED"
			if tt.manual {
				want = "APPLY_SUCCESS"
			}
			assert.Equal(t, want, call(t, g, "capture", captureFields(1).String()).Code)
		})
	}

	// The same holds for a session.
	g := newGateway(t)
	for _, over := range []fields{{"captureMode": "AUTO"}, {"authorizationType": "FINAL_AUTH"}, {"captureMode": 1}} {
		data := fields{"totalAmount": 1, "currency": "IDR", "country": "ID", "userId": "U"}.with(over)
		assert.Equal(t, "PARAMS_INVALID", call(t, g, "applyDropinSession", data.String()).Code)
	}
}

// After Close, requests that would cause a notification are refused and leave the amount authorised.
func TestCaptureAndCancelAfterClose(t *testing.T) {
	g := newGateway(t)
	authorize(t, g, nil)
	assert.NoError(t, g.Close(t.Context()))
	for range 2 {
		assert.Equal(t, "SYSTEM_ERROR", call(t, g, "capture", captureFields(1).String()).Code)
		assert.Equal(t, "SYSTEM_ERROR", call(t, g, "cancel", cancelFields().String()).Code)
	}
	assert.Equal(t, "Authorized.", must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)["resultMsg"])
}
