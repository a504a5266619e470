package sandbox

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// saveCard pays an order of user U10001 whose card is saved, and returns its paymentTokenID.
func saveCard(t *testing.T, g *Gateway) string {
	t.Helper()
	session := openSession(t, g)
	pay(t, g, fields{"paymentDetail": detailFields(session).with(fields{"tokenForFutureUse": true})})
	view := must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)
	id := view["paymentDetails"].([]any)[0].(map[string]any)["paymentTokenID"]
	require.Regexp(t, `^PMTOKEN20220117\d{14}$`, id)
	return id.(string)
}

// chargeFields returns an order that charges a saved card.
func chargeFields(number, card string) fields {
	return orderFields("").with(fields{"outTradeNo": number, "paymentDetail": fields{
		"paymentTokenID": card, "merchantInitiated": true, "mitType": "UNSCHEDULED",
	}})
}

func TestSavedCard(t *testing.T) {
	g := closing(t, newGateway(t))
	s := newShop(t)
	card := saveCard(t, g)

	// The merchant charges it, without the buyer.
	charged := must(t, g, "orderAndPay", chargeFields("P2", card).with(fields{"notifyUrl": s.URL}).String())
	assert.Equal(t, "SUCCESS", charged["status"])
	_, data := readNotification(t, g, s.wait(t, 1)[0])
	assert.Equal(t, card, data["paymentDetails"].([]any)[0].(map[string]any)["paymentTokenID"])
	failed := chargeFields("P3", card).with(fields{"subject": "FAILED"})
	assert.Equal(t, "FAILED", must(t, g, "orderAndPay", failed.String())["status"])

	// Another user's card cannot be charged, nor can an amount of 0.
	for _, over := range []fields{{"userId": "U2"}, {"paymentDetail": fields{"paymentTokenID": card + "0"}}} {
		res := call(t, g, "orderAndPay", chargeFields("P4", card).with(over).String())
		assertRefused(t, res, "PARAMS_INVALID", "paymentTokenID is invalid,because paymentTokenID is not defined.")
	}
	zero := chargeFields("P4", card).with(fields{"totalAmount": 0})
	assert.Equal(t, "AMOUNT_INVALID", call(t, g, "orderAndPay", zero.String()).Code)

	list := must(t, g, "inquirePaymentToken", `{"userId":"U10001","tokenScope":"tokenAcq"}`)["tokenList"].([]any)
	require.Len(t, list, 1)
	assert.Equal(t, map[string]any{
		"tokenScope": "tokenAcq", "targetOrg": "", "ifCVV": "N", "cardInfo": "424242******0000", "paymentTokenID": card,
		"accountDisplay": "", "paymentTokenStatus": "Activated", "userId": "U10001", "brand": "VISA",
		"paymentMethodType": "CARD", "paymentTokenExpiry": "2025-01-16T09:05:52.194Z", "referralCode": "",
	}, list[0])
	for _, data := range []string{`{"userId":"U2","tokenScope":"tokenAcq"}`, `{"userId":"U10001","tokenScope":"tokenAcq","paymentTokenID":"x"}`} {
		assert.Empty(t, must(t, g, "inquirePaymentToken", data)["tokenList"])
	}

	// A removed card is not charged any more.
	res := call(t, g, "removePaymentToken", `{"userId":"U2","paymentTokenID":"`+card+`"}`)
	assertRefused(t, res, "PARAMS_INVALID", "paymentTokenID is invalid,because paymentTokenID is not defined.")
	removed := must(t, g, "removePaymentToken", `{"userId":"U10001","paymentTokenID":"`+card+`"}`)
	assert.Equal(t, map[string]any{"paymentTokenID": card, "userId": "U10001", "paymentTokenStatus": "Deleted"}, removed)
	assert.Equal(t, "PARAMS_INVALID", call(t, g, "orderAndPay", chargeFields("P5", card).String()).Code)
	assert.Empty(t, must(t, g, "inquirePaymentToken", `{"userId":"U10001","tokenScope":"tokenAcq"}`)["tokenList"])
}

// When a card is saved or removed, only the merchant's TokenNotifyURL is notified, in the envelope of PayerMax's
// example.
func TestSavedCardIsNotified(t *testing.T) {
	g := closing(t, newGateway(t))
	cards, orders := newShop(t), newShop(t)
	for id, m := range g.merchants {
		m.NotifyURL, m.TokenNotifyURL = orders.URL, cards.URL
		g.merchants[id] = m
	}
	card := saveCard(t, g)
	must(t, g, "orderAndPay", chargeFields("P2", card).String())
	saved := cards.wait(t, 1)[0]
	must(t, g, "removePaymentToken", `{"userId":"U10001","paymentTokenID":"`+card+`"}`)
	removed := cards.wait(t, 2)[1]

	envelope, data := readNotification(t, g, saved)
	assert.Equal(t, "TOKENIZATION", envelope["notifyType"])
	assert.NotEmpty(t, envelope["merchantAppId"])
	assert.NotContains(t, envelope, "appId")
	assert.Equal(t, map[string]any{
		"accountDisplay": "", "brand": "VISA", "cardInfo": "424242******0000", "ifCVV": "N", "outTradeNo": "P1642410680681",
		"paymentMethodType": "CARD", "paymentTokenExpiry": "2025-01-16T09:05:52.194Z", "paymentTokenID": card,
		"paymentTokenStatus": "Activated", "targetOrg": "", "tokenScope": "tokenAcq", "userId": "U10001", "country": "ID", "referralCode": "",
	}, data)
	_, data = readNotification(t, g, removed)
	assert.Equal(t, "Deleted", data["paymentTokenStatus"])
	assert.Empty(t, data["outTradeNo"])
	for _, notified := range orders.wait(t, 2) {
		envelope, _ := readNotification(t, g, notified)
		assert.Equal(t, "PAYMENT", envelope["notifyType"])
	}
}

func TestSavedCardExpires(t *testing.T) {
	g := closing(t, newGateway(t))
	card := saveCard(t, g)
	g.Clock = func() time.Time { return testNow.Add(cardValidity) }
	assert.Equal(t, "PARAMS_INVALID", call(t, g, "orderAndPay", chargeFields("P2", card).String()).Code)
}

// A card is saved once its payment succeeds, and can be bound by a payment of 0.
func TestCardIsSavedBySuccess(t *testing.T) {
	for _, over := range []fields{{"subject": "3DS"}, {"integrate": "Hosted_Checkout"}} {
		for _, result := range []string{"SUCCESS", "FAILED"} {
			g := closing(t, newGateway(t))
			detail := detailFields(openSession(t, g)).with(fields{"tokenForFutureUse": true})
			order := pay(t, g, over.with(fields{"paymentDetail": detail}))
			list := func() []any {
				return must(t, g, "inquirePaymentToken", `{"userId":"U10001","tokenScope":"tokenAcq"}`)["tokenList"].([]any)
			}
			assert.Empty(t, list())
			visit(g, order, result)
			assert.Equal(t, result == "SUCCESS", len(list()) == 1)
		}
	}
	g := closing(t, newGateway(t))
	data := `{"totalAmount":0,"currency":"IDR","country":"ID","userId":"U10001","tokenForFutureUse":true}`
	session := must(t, g, "applyDropinSession", data)["sessionKey"].(string)
	bind := detailFields(session).with(fields{"tokenForFutureUse": true, "mitType": "UNSCHEDULED"})
	assert.Equal(t, "SUCCESS", must(t, g, "orderAndPay", orderFields(session).with(fields{"totalAmount": 0, "paymentDetail": bind}).String())["status"])
}

func TestSavedCardRefusals(t *testing.T) {
	g := newGateway(t)
	for endpoint, refusals := range map[string]map[string]string{
		"inquirePaymentToken": {`{}`: "userId is invalid,because userId is null.", `{"userId":"U"}`: "tokenScope is invalid,because tokenScope is null."},
		"removePaymentToken":  {`{"userId":"U"}`: "paymentTokenID is invalid,because paymentTokenID is null.", `{"userId":1,"paymentTokenID":"x"}`: "userId must be string , but your input is number."},
	} {
		for data, msg := range refusals {
			assertRefused(t, call(t, g, endpoint, data), "PARAMS_INVALID", msg)
		}
	}
	assert.Equal(t, http.StatusNotFound, sendControl(g, http.MethodPost, "dropin/x", `{}`).Code)
}

// When the merchant charges a saved card, no buyer can complete a challenge.
func TestMerchantInitiated(t *testing.T) {
	g := closing(t, newGateway(t))
	card := saveCard(t, g)
	deviations := func() []string { return g.state().recentCalls()[0].Deviations }
	for i, over := range []fields{{}, {"integrate": "Hosted_Checkout"}} {
		order := chargeFields("P2"+string(rune('A'+i)), card).with(over)
		asked := must(t, g, "orderAndPay", order.with(fields{"subject": "3DS"}).String())
		assert.Equal(t, "FAILED", asked["status"])
		assert.NotContains(t, asked, "redirectUrl")
		assert.Equal(t, over["integrate"] != nil, len(deviations()) == 1)
	}
	detail := chargeFields("", card)["paymentDetail"].(fields)
	must(t, g, "orderAndPay", chargeFields("P3", card).with(fields{"paymentDetail": detail.with(fields{"mitType": nil})}).String())
	assert.Equal(t, []string{"merchantInitiated without mitType"}, deviations())

	// A buyer who pays with the card can complete a challenge.
	bought := detail.with(fields{"merchantInitiated": false})
	asked := must(t, g, "orderAndPay", chargeFields("P4", card).with(fields{"subject": "3DS", "paymentDetail": bought}).String())
	assert.Contains(t, asked, "redirectUrl")

	// The method must be that of the saved card.
	for method, accepted := range map[string]bool{"CARD": true, "WALLET": false, "GOOGLEPAY": false} {
		order := chargeFields("P5"+method, card).with(fields{"paymentDetail": detail.with(fields{"paymentMethodType": method})})
		res := call(t, g, "orderAndPay", order.String())
		if accepted {
			assert.Equal(t, "APPLY_SUCCESS", res.Code, res.Msg)
		} else {
			assertRefused(t, res, "PARAMS_INVALID", "paymentMethodType is invalid,because paymentMethodType is not defined.")
		}
	}

	// Some clients spell the member paymentTokenId.
	alias := detail.with(fields{"paymentTokenID": nil, "paymentTokenId": card})
	must(t, g, "orderAndPay", chargeFields("P6", card).with(fields{"paymentDetail": alias}).String())
	assert.Equal(t, []string{"paymentTokenId instead of paymentTokenID"}, deviations())

	g.Strict = true
	for _, over := range []fields{
		{"integrate": "Hosted_Checkout"}, {"paymentDetail": detail.with(fields{"mitType": nil})}, {"paymentDetail": alias},
	} {
		assert.Equal(t, "PARAMS_INVALID", call(t, g, "orderAndPay", chargeFields("P7", card).with(over).String()).Code, over)
	}
}

// A payment method that was saved on the cashier's page is charged as that method (guides for Google Pay and Apple
// Pay).
func TestSavedWalletIsCharged(t *testing.T) {
	g := closing(t, newGateway(t))
	order := pay(t, g, fields{"integrate": "Hosted_Checkout", "paymentDetail": fields{
		"paymentMethodType": "GOOGLEPAY", "mitType": "UNSCHEDULED", "tokenForFutureUse": true, "merchantInitiated": false,
	}})
	visit(g, order, "SUCCESS")
	saved := must(t, g, "inquirePaymentToken", `{"userId":"U10001","tokenScope":"tokenAcq"}`)["tokenList"].([]any)[0].(map[string]any)
	assert.Equal(t, "GOOGLEPAY", saved["paymentMethodType"])
	charge := chargeFields("P2", saved["paymentTokenID"].(string))
	charge["paymentDetail"].(fields)["paymentMethodType"] = "GOOGLEPAY"
	must(t, g, "orderAndPay", charge.String())
	paid := must(t, g, "orderQuery", `{"outTradeNo":"P2"}`)["paymentDetails"].([]any)[0].(map[string]any)
	assert.Equal(t, "GOOGLEPAY", paid["paymentMethodType"])
}
