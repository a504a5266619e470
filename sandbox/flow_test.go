package sandbox

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// readNotification checks what all notifications have in common, and returns the envelope and the data.
func readNotification(t *testing.T, g *Gateway, got received) (envelope map[string]any, data map[string]any) {
	t.Helper()
	assert.True(t, verify(g.PublicKey(), got.body, got.signs), "the notification's signature")
	assert.Equal(t, "application/json", got.contentType)
	decoder := json.NewDecoder(strings.NewReader(string(got.body)))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&envelope))
	assert.Equal(t, "1", envelope["keyVersion"])
	whose := "appId"
	if envelope["notifyType"] == tokenization {
		whose = "merchantAppId"
	}
	assert.Equal(t, testAppID, envelope[whose])
	assert.Equal(t, testMerchantNo, envelope["merchantNo"])
	assert.Equal(t, "2022-01-17T09:05:52.194+00:00", envelope["notifyTime"])
	return envelope, envelope["data"].(map[string]any)
}

func TestWholeFlow(t *testing.T) {
	g := closing(t, newGateway(t))
	g.RefundDelay = time.Millisecond
	s := newShop(t)

	// The payment, which succeeds.
	order := pay(t, g, fields{"notifyUrl": s.URL + "/pay"})
	assert.Equal(t, "P1642410680681", order["outTradeNo"])
	assert.Regexp(t, `^T20220117\d{14}$`, order["tradeToken"])
	assert.Equal(t, "SUCCESS", order["status"])
	assert.NotContains(t, order, "redirectUrl")

	// Its notification.
	envelope, data := readNotification(t, g, s.wait(t, 1)[0])
	assert.Equal(t, "PAYMENT", envelope["notifyType"])
	assert.Equal(t, "APPLY_SUCCESS", envelope["code"])
	card := map[string]any{
		"paymentMethodType": "CARD",
		"cardInfo": map[string]any{
			"cardOrg": "VISA", "cardIdentifierNo": "424242******0000", "cardIdentifierName": "**D",
		},
	}
	assert.Equal(t, map[string]any{
		"outTradeNo": "P1642410680681", "tradeToken": order["tradeToken"], "totalAmount": json.Number("40000"),
		"currency": "IDR", "country": "ID", "status": "SUCCESS", "completeTime": "2022-01-17T09:05:52.194Z",
		"paymentDetails": []any{card},
	}, data)

	// The query, which ignores case.
	assert.Equal(t, map[string]any{
		"outTradeNo": "P1642410680681", "tradeToken": order["tradeToken"], "totalAmount": json.Number("40000"),
		"currency": "IDR", "country": "ID", "cashierCountry": "ID", "status": "SUCCESS",
		"resultCode": "APPLY_SUCCESS", "resultMsg": "Success.",
		"createTime": "2022-01-17T09:05:52.194Z", "completeTime": "2022-01-17T09:05:52.194Z",
		"paymentDetails": []any{card},
	}, must(t, g, "orderQuery", `{"outTradeNo":"p1642410680681"}`))

	// A partial refund.
	back := must(t, g, "refund", refundFields("15000").with(fields{"refundNotifyUrl": s.URL + "/refund"}).String())
	assert.Equal(t, "R1642411016202", back["outRefundNo"])
	assert.Equal(t, order["tradeToken"], back["tradeOrderNo"])
	assert.Regexp(t, `^20220117090552TI\d{14}$`, back["refundTradeNo"])
	assert.Equal(t, "REFUND_PENDING", back["status"])

	envelope, data = readNotification(t, g, s.wait(t, 2)[1])
	assert.Equal(t, "REFUND", envelope["notifyType"])
	assert.Equal(t, "APPLY_SUCCESS", envelope["code"])
	assert.Equal(t, map[string]any{
		"outRefundNo": "R1642411016202", "refundTradeNo": back["refundTradeNo"], "outTradeNo": "P1642410680681",
		"refundAmount": json.Number("15000"), "refundCurrency": "IDR", "status": "REFUND_SUCCESS",
		"refundFinishTime": "2022-01-17T09:05:52.194Z",
	}, data)

	view := map[string]any{
		"outRefundNo": "R1642411016202", "refundTradeNo": back["refundTradeNo"], "refundAmount": json.Number("15000"),
		"refundCurrency": "IDR", "outTradeNo": "P1642410680681", "status": "REFUND_SUCCESS", "resultMsg": "Success.",
		"refundFinishTime": "2022-01-17T09:05:52.194Z",
	}
	assert.Equal(t, view, must(t, g, "refundQuery", `{"outRefundNo":"R1642411016202"}`))
	byTradeNo := `{"refundTradeNo":"` + back["refundTradeNo"].(string) + `"}`
	assert.Equal(t, view, must(t, g, "refundQuery", byTradeNo))

	for _, n := range sent(t, g, 2) {
		assert.Equal(t, notifyDelivered, n.State)
		assert.Len(t, n.Attempts, 1)
	}
}

// An application cannot see or change what another one did.
func TestApplicationsAreSeparate(t *testing.T) {
	public := &testkeys.Merchant().PublicKey
	g, err := New(testkeys.Gateway(), Merchant{AppID: testAppID, PublicKey: public}, Merchant{AppID: "other", PublicKey: public})
	require.NoError(t, err)
	closing(t, g)
	g.Clock = newGateway(t).Clock

	session := openSession(t, g)
	order := must(t, g, "orderAndPay", orderFields(session).String())
	must(t, g, "refund", refundFields(1).String())

	asOther := func(endpoint string, data fields) result {
		body := strings.Replace(requestBody(versionOf[endpoint], data.String()), testAppID, "other", 1)
		r := newRequest(body, signWith(t, testkeys.Merchant(), body))
		r.URL.Path = basePath + endpoint
		return readAnswer(t, g, serve(g, r))
	}
	assert.Equal(t, "sessionKey is invalid,because sessionKey is not defined.", asOther("orderAndPay", orderFields(session)).Msg)
	assert.Equal(t, "ORDER_NOT_EXIST", asOther("orderQuery", fields{"outTradeNo": "P1642410680681"}).Code)
	assert.Equal(t, "ORDER_NOT_EXIST", asOther("refund", refundFields(1)).Code)
	byToken := refundFields(1).with(fields{"outTradeNo": nil, "tradeToken": order["tradeToken"]})
	assert.Equal(t, "ORDER_NOT_EXIST", asOther("refund", byToken).Code)
	assert.Equal(t, "REFUND_NO_INVALID", asOther("refundQuery", fields{"outRefundNo": "R1642411016202"}).Code)

	authorize(t, g, fields{"outTradeNo": "P2"})
	other := fields{"outTradeNo": "P2"}
	assert.Equal(t, "ORDER_NOT_EXIST", asOther("capture", captureFields(1).with(other)).Code)
	assert.Equal(t, "ORDER_NOT_EXIST", asOther("cancel", cancelFields().with(other)).Code)
	must(t, g, "capture", captureFields(1).with(other).String())
	assert.Equal(t, "ORDER_NOT_EXIST", asOther("capture", captureFields(1).with(other)).Code, "nor by its requestId")
}

// Every interface accepts each of its documented versions, and no others.
func TestVersions(t *testing.T) {
	g := closing(t, strictGateway(t))
	for name, ep := range endpoints {
		for _, version := range append([]string{"1.0", "1.9"}, ep.versions...) {
			body := requestBody(version, "{}")
			r := newRequest(body, signWith(t, testkeys.Merchant(), body))
			r.URL.Path = basePath + name
			msg := readAnswer(t, g, serve(g, r)).Msg
			if version == "1.0" || version == "1.9" {
				assert.Contains(t, msg, "version must be", name)
			} else {
				assert.Contains(t, msg, "null", name)
			}
		}
	}
}
