package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// The whole flow from the session to the refund, with a later capture.
func TestAuthCaptureFlow(t *testing.T) {
	g := closing(t, newGateway(t))
	s := newShop(t)
	move := movableClock(g)
	session := must(t, g, "applyDropinSession", fields{
		"totalAmount": 40000, "currency": "IDR", "country": "ID", "userId": "U10001",
		"captureMode": "MANUAL", "authorizationType": "FINAL_AUTH",
	}.String())["sessionKey"].(string)

	// The authorisation.
	order := must(t, g, "orderAndPay", orderFields(session).with(fields{
		"captureMode": "MANUAL", "authorizationType": "FINAL_AUTH", "notifyUrl": s.URL,
	}).String())
	assert.Equal(t, "SUCCESS", order["status"])
	envelope, data := readNotification(t, g, s.wait(t, 1)[0])
	assert.Equal(t, "PAYMENT", envelope["notifyType"])
	assert.Equal(t, "APPLY_SUCCESS", envelope["code"])
	assert.Equal(t, "SUCCESS", data["status"])
	assert.Equal(t, "MANUAL", data["captureMode"])
	assert.Equal(t, "FINAL_AUTH", data["authorizationType"])
	assert.Equal(t, json.Number("40000"), data["totalAmount"])

	view := must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)
	assert.Equal(t, "MANUAL", view["captureMode"])
	assert.Equal(t, "FINAL_AUTH", view["authorizationType"])
	assert.Equal(t, []any{"SUCCESS", "APPLY_SUCCESS", "Authorized."}, []any{view["status"], view["resultCode"], view["resultMsg"]})
	assert.Equal(t, "PAYMENT_PROCESSING", call(t, g, "refund", refundFields(1).String()).Code, "nothing is paid yet")

	// A partial capture, six days later.
	move(6 * 24 * time.Hour)
	taken := must(t, g, "capture", captureFields(30000).String())
	assert.Regexp(t, `^20220123090552ED\d{14}$`, taken["captureNo"])
	want := map[string]any{
		"captureNo": taken["captureNo"], "requestId": "C1642411016202", "outTradeNo": "P1642410680681",
		"amount": "30000", "currency": "IDR", "status": "SUCCESS", "isFinal": "true",
		"createdTime": "2022-01-23T09:05:52 +0000", "succeededTime": "2022-01-23T09:05:52 +0000",
		"failedTime": nil, "errorCode": nil, "errorMsg": nil,
	}
	assert.Equal(t, want, taken)

	envelope, data = readLater(t, g, s.wait(t, 2)[1])
	assert.Equal(t, "CAPTURE", envelope["notifyType"])
	assert.Equal(t, "APPLY_SUCCESS", envelope["code"])
	assert.Equal(t, want, data)

	// A capture does not expire, and only the captured amount can be refunded.
	move(30 * 24 * time.Hour)
	view = must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)
	assert.Equal(t, []any{"SUCCESS", "APPLY_SUCCESS", "Captured."}, []any{view["status"], view["resultCode"], view["resultMsg"]})
	assert.Equal(t, "AMOUNT_INVALID", call(t, g, "refund", refundFields(30001).String()).Code)
	assert.Equal(t, "REFUND_PENDING", must(t, g, "refund", refundFields(30000).String())["status"])
}

// readLater is readNotification for a notification that was sent later than testNow.
func readLater(t *testing.T, g *Gateway, got received) (envelope, data map[string]any) {
	t.Helper()
	require.True(t, verify(g.PublicKey(), got.body, got.signs), "the notification's signature")
	require.NoError(t, json.Unmarshal(got.body, &envelope))
	return envelope, envelope["data"].(map[string]any)
}

func TestCaptureData(t *testing.T) {
	null := func(name string) string { return name + " is invalid,because " + name + " is null." }
	for _, tt := range []struct {
		name      string
		over      fields
		code, msg string
	}{
		{"smallest", nil, "", success},
		{"whole", fields{"amount": 40000}, "", success},
		{"whole, in words", fields{"amount": "40000.00"}, "", success},
		{"finalCapture of the example", fields{"finalCapture": true}, "", success},
		{"small letters", fields{"outTradeNo": "p1642410680681"}, "", success},
		{"longest requestId", fields{"requestId": strings.Repeat("x", 64)}, "", success},
		{"long requestId", fields{"requestId": strings.Repeat("x", 65)}, "", "requestId length must be between 1 and 64,but your input value length is 65."},
		{"empty requestId", fields{"requestId": ""}, "", "requestId length must be between 1 and 64,but your input value length is 0."},
		{"number requestId", fields{"requestId": 1}, "", "requestId must be string , but your input is number."},
		{"no requestId", fields{"requestId": nil}, "", null("requestId")},
		{"no outTradeNo", fields{"outTradeNo": nil}, "", null("outTradeNo")},
		{"unknown order", fields{"outTradeNo": "P2"}, "ORDER_NOT_EXIST", "Order number does not exist"},
		{"no currency", fields{"currency": nil}, "", null("currency")},
		{"small currency", fields{"currency": "idr"}, "CURRENCY_INVALID", "currency is invalid,because currency is not defined."},
		{"other currency", fields{"currency": "USD"}, "CURRENCY_INVALID", "currency is invalid,because currency is not defined."},
		{"no amount", fields{"amount": nil}, "", null("amount")},
		{"boolean amount", fields{"amount": true}, "", "amount must be number , but your input is boolean."},
		{"zero", fields{"amount": 0}, "AMOUNT_INVALID", "Amount is incorrect."},
		{"negative", fields{"amount": -1}, "AMOUNT_INVALID", "Amount is incorrect."},
		{"decimals", fields{"amount": 0.5}, "AMOUNT_INVALID", "Amount is incorrect."},
		{"more than authorised", fields{"amount": 40001}, "AMOUNT_INVALID", "Amount is incorrect."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := closing(t, newGateway(t))
			authorize(t, g, nil)
			res := call(t, g, "capture", captureFields(1).with(tt.over).String())
			assertAnswered(t, res, tt.code, tt.msg)
			if tt.msg != success {
				// A refused capture has changed nothing, and its requestId is free.
				must(t, g, "capture", captureFields(40000).String())
			}
		})
	}
}

// Repeating a capture returns the same capture, however its amount is spelt; a different one with the same requestId is
// refused.
func TestCaptureRepeated(t *testing.T) {
	g := closing(t, newGateway(t))
	authorize(t, g, nil)
	authorize(t, g, fields{"outTradeNo": "P2"})
	first := must(t, g, "capture", captureFields(25000).String())
	for _, over := range []fields{nil, {"amount": "25000.00"}, {"requestId": "c1642411016202"}, {"outTradeNo": "p1642410680681"}} {
		assert.Equal(t, first, must(t, g, "capture", captureFields(25000).with(over).String()))
	}
	for _, over := range []fields{{"amount": 1}, {"outTradeNo": "P2"}, {"currency": "USD"}} {
		assertRefused(t, call(t, g, "capture", captureFields(25000).with(over).String()), "ORDER_REPEAT", "Duplicate order")
	}
	// There is only one capture, even if it was partial.
	again := captureFields(15000).with(fields{"requestId": "C2"})
	assertRefused(t, call(t, g, "capture", again.String()), "AUTH_FAILED", "Authorization failed or does not exist")
	// The requestIds of cancellations are separate.
	must(t, g, "cancel", cancelFields().with(fields{"requestId": "C1642411016202", "outTradeNo": "P2"}).String())
}

func TestCaptureSimulation(t *testing.T) {
	t.Run("fails", func(t *testing.T) {
		g := closing(t, newGateway(t))
		s := newShop(t)
		authorizeWith(t, g, "SANDBOX_CAPTURE_FAILED", fields{"notifyUrl": s.URL})
		s.wait(t, 1)
		taken := must(t, g, "capture", captureFields(1).String())
		assert.Equal(t, []any{"FAILED", nil, "2022-01-17T09:05:52 +0000", "PAYMENT_FAILED", "Payment failed"}, []any{
			taken["status"], taken["succeededTime"], taken["failedTime"], taken["errorCode"], taken["errorMsg"],
		})
		envelope, data := readNotification(t, g, s.wait(t, 2)[1])
		assert.Equal(t, []any{"CAPTURE", "PAYMENT_FAILED", "Payment failed"}, []any{envelope["notifyType"], envelope["code"], envelope["msg"]})
		assert.Equal(t, taken, data)

		// The amount is still authorised: it can be tried again, or cancelled.
		assert.Equal(t, taken, must(t, g, "capture", captureFields(1).String()))
		assert.Equal(t, "FAILED", must(t, g, "capture", captureFields(2).with(fields{"requestId": "C2"}).String())["status"])
		assert.Equal(t, "PAYMENT_PROCESSING", call(t, g, "refund", refundFields(1).String()).Code)
		assert.Equal(t, "SUCCESS", must(t, g, "cancel", cancelFields().String())["status"])
	})
	t.Run("is pending", func(t *testing.T) {
		synctest.Test(t, captureIsPending)
	})
}

// captureIsPending tests a capture that takes a while, in the fake time of a synctest bubble.
func captureIsPending(t *testing.T) {
	g := closing(t, newGateway(t))
	g.PendingDelay = time.Minute
	var got []received
	g.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		got = append(got, received{body, r.Header.Values("sign"), r.Header.Get("Content-Type")})
		return ack(200, `{"code":"SUCCESS","msg":"Success"}`), err
	})
	authorizeWith(t, g, "SANDBOX_CAPTURE_PENDING", fields{"notifyUrl": "http://localhost/"})
	synctest.Wait() // for the notification of the order
	taken := must(t, g, "capture", captureFields(1).String())
	assert.Equal(t, []any{"PENDING", nil, nil, nil}, []any{
		taken["status"], taken["succeededTime"], taken["failedTime"], taken["errorCode"],
	})
	assert.Equal(t, "PAYMENT_PROCESSING", call(t, g, "capture", captureFields(1).with(fields{"requestId": "C2"}).String()).Code)
	assert.Equal(t, "PAYMENT_PROCESSING", call(t, g, "cancel", cancelFields().String()).Code)
	assert.Equal(t, "PAYMENT_PROCESSING", call(t, g, "refund", refundFields(1).String()).Code)

	time.Sleep(g.PendingDelay)
	synctest.Wait()
	require.Len(t, got, 2)
	_, data := readNotification(t, g, got[1])
	assert.Equal(t, "SUCCESS", data["status"])
	assert.Equal(t, data, must(t, g, "capture", captureFields(1).String()), "the same request again tells how it went")
	must(t, g, "refund", refundFields(1).String())
}

// The notification goes to the order's notifyUrl, or else to the dashboard's, and is retried like any other.
func TestCaptureNotification(t *testing.T) {
	dashboard := newShop(t)
	dashboard.answer = func(w http.ResponseWriter, n int) {
		if n == 2 { // the first delivery of the capture
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(`{"code":"SUCCESS","msg":"Success"}`))
	}
	g, err := New(testkeys.Gateway(), Merchant{AppID: testAppID, PublicKey: &testkeys.Merchant().PublicKey, NotifyURL: dashboard.URL})
	require.NoError(t, err)
	closing(t, g)
	g.Clock = newGateway(t).Clock
	g.TimeScale = 1e4
	authorize(t, g, nil)
	dashboard.wait(t, 1)
	must(t, g, "capture", captureFields(1).String())
	got := dashboard.wait(t, 3)
	assert.Equal(t, got[1], got[2])

	n := sent(t, g, 2)[0]
	assert.Equal(t, []any{"CAPTURE", "P1642410680681", "SUCCESS", notifyDelivered}, []any{n.Type, n.Number, n.Status, n.State})
	assert.Len(t, n.Attempts, 2)
}

// Of many concurrent captures and cancellations of one order, exactly one succeeds.
func TestOneHoldConcurrently(t *testing.T) {
	for _, token := range []string{"x", "SANDBOX_CAPTURE_PENDING"} {
		g := closing(t, newGateway(t))
		g.TimeScale = 1e5
		authorizeWith(t, g, token, nil)
		var mu sync.Mutex
		var wg sync.WaitGroup
		accepted := 0
		for i := range 8 {
			wg.Go(func() {
				endpoint, data := "capture", captureFields(40000)
				if i%2 == 0 {
					endpoint, data = "cancel", cancelFields()
				}
				if call(t, g, endpoint, data.with(fields{"requestId": fmt.Sprint(i)}).String()).Code == "APPLY_SUCCESS" {
					mu.Lock()
					accepted++
					mu.Unlock()
				}
				orderStatus(t, g)
				call(t, g, "refund", refundFields(1).String())
			})
		}
		wg.Wait()
		assert.Equal(t, 1, accepted, token)
	}
}
