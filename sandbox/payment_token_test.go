package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keysOfSession opens a session and returns both of its keys.
func keysOfSession(t *testing.T, g *Gateway, futureUse bool) (clientKey, sessionKey string) {
	t.Helper()
	data := fields{"totalAmount": 40000, "currency": "IDR", "country": "ID", "userId": "U10001", "tokenForFutureUse": futureUse}
	opened := must(t, g, "applyDropinSession", data.String())
	return opened["clientKey"].(string), opened["sessionKey"].(string)
}

// component sends a component's request and returns the answer.
func component(t *testing.T, g *Gateway, path string, sends fields) (code string, data map[string]any) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/sandbox/dropin/"+path, strings.NewReader(sends.String()))
	r.Header.Set("Sec-Fetch-Site", "cross-site") // a component runs in the shop's page
	w := serve(g, r)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.Equal(t, "*", w.Header().Get("Access-Control-Allow-Origin"))
	var answer struct {
		Code string
		Data map[string]any
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.Code, answer.Data
}

// paid places an order with a paymentToken and returns the answer.
func paid(t *testing.T, g *Gateway, number, session, token string, detail fields) result {
	t.Helper()
	order := orderFields(session).with(fields{
		"outTradeNo": number, "paymentDetail": detailFields(session).with(fields{"paymentToken": token}).with(detail),
	})
	return call(t, g, "orderAndPay", order.String())
}

// A paymentToken can pay one order in its session, which accepts no other text from then on.
func TestPaymentTokenIsGoodOnce(t *testing.T) {
	for _, strict := range []bool{false, true} {
		g := closing(t, newGateway(t))
		g.Strict = strict
		client, session := keysOfSession(t, g, false)
		code, data := component(t, g, "session", fields{"clientKey": client, "sessionKey": session})
		require.Equal(t, "APPLY_SUCCESS", code)
		assert.Equal(t, map[string]any{"currency": "IDR", "totalAmount": "40000", "tokenForFutureUse": false}, data)

		assert.Equal(t, strict, paid(t, g, "P0", session, "any text", nil).Code != "APPLY_SUCCESS")
		code, data = component(t, g, "token", fields{"clientKey": client, "sessionKey": session})
		require.Equal(t, "APPLY_SUCCESS", code)
		token := data["paymentToken"].(string)
		assert.Regexp(t, `^CPT[0-9a-f]{32}$`, token)

		undefined := "paymentToken is invalid,because paymentToken is not defined."
		_, other := keysOfSession(t, g, false)
		assert.Equal(t, undefined, paid(t, g, "P1", other, token, nil).Msg, "in another session")
		assert.Equal(t, undefined, paid(t, g, "P1", session, "any text", nil).Msg)
		assert.Equal(t, "APPLY_SUCCESS", paid(t, g, "P1", session, token, nil).Code)
		assert.Equal(t, undefined, paid(t, g, "P2", session, token, nil).Msg, "once more")
		assert.Equal(t, "ORDER_NOT_EXIST", call(t, g, "orderQuery", `{"outTradeNo":"P2"}`).Code)
	}
}

// An order that is refused leaves its token unused.
func TestRefusedOrderLeavesItsToken(t *testing.T) {
	g := closing(t, newGateway(t))
	client, session := keysOfSession(t, g, false)
	_, data := component(t, g, "token", fields{"clientKey": client, "sessionKey": session})
	token := data["paymentToken"].(string)
	res := paid(t, g, "P1", session, token, fields{"tokenForFutureUse": true})
	assertRefused(t, res, "PARAMS_INVALID", "tokenForFutureUse is invalid,because tokenForFutureUse is not defined.")
	assert.Equal(t, "APPLY_SUCCESS", paid(t, g, "P1", session, token, nil).Code)
}

func TestKeysOfTheSession(t *testing.T) {
	g := closing(t, newGateway(t))
	client, session := keysOfSession(t, g, false)
	other, _ := keysOfSession(t, g, false)
	for _, keys := range []fields{
		{}, {"clientKey": client}, {"sessionKey": session}, {"clientKey": other, "sessionKey": session}, {"clientKey": session, "sessionKey": client},
	} {
		for _, path := range []string{"session", "token"} {
			code, _ := component(t, g, path, keys)
			assert.Equal(t, "PARAMS_INVALID", code, keys)
		}
	}
	code, _ := component(t, g, "token", fields{"clientKey": client, "sessionKey": session, "simulate": "maybe"})
	assert.Equal(t, "PARAMS_INVALID", code)

	assert.Equal(t, http.StatusBadRequest, sendControl(g, http.MethodPost, "dropin/token", "x").Code)
	assert.Equal(t, http.StatusMethodNotAllowed, sendControl(g, http.MethodGet, "dropin/token", "").Code)
	assert.Equal(t, http.StatusNoContent, sendControl(g, http.MethodOptions, "dropin/token", "").Code)
}

func TestComponentDecides(t *testing.T) {
	for simulate, want := range map[string]string{"": "SUCCESS", "SUCCESS": "SUCCESS", "FAILED": "FAILED", "PENDING": "PENDING", "3DS": "PENDING"} {
		g := closing(t, newGateway(t))
		client, session := keysOfSession(t, g, false)
		_, data := component(t, g, "token", fields{"clientKey": client, "sessionKey": session, "simulate": simulate})
		res := paid(t, g, "P1", session, data["paymentToken"].(string), nil)
		assert.Contains(t, string(res.Data), `"status":"`+want+`"`, simulate)
		assert.Equal(t, simulate == "3DS", strings.Contains(string(res.Data), "redirectUrl"))
	}
}

// A card is saved if the session, the buyer and the order agree to that.
func TestAgreement(t *testing.T) {
	for _, tt := range []struct {
		session, buyer, order bool
		code                  string
	}{
		{true, true, true, "APPLY_SUCCESS"}, {true, true, false, "APPLY_SUCCESS"},
		{true, false, true, "PARAMS_INVALID"}, {false, true, true, "PARAMS_INVALID"}, {false, true, false, "APPLY_SUCCESS"},
	} {
		g := closing(t, newGateway(t))
		client, session := keysOfSession(t, g, tt.session)
		_, data := component(t, g, "token", fields{"clientKey": client, "sessionKey": session, "agreementAccepted": tt.buyer})
		assert.Equal(t, tt.session && tt.buyer, data["agreementAccepted"])
		res := paid(t, g, "P1", session, data["paymentToken"].(string), fields{"tokenForFutureUse": tt.order})
		assert.Equal(t, tt.code, res.Code, tt)
		cards := must(t, g, "inquirePaymentToken", `{"userId":"U10001","tokenScope":"tokenAcq"}`)["tokenList"]
		assert.Len(t, cards, map[bool]int{true: 1}[tt.session && tt.buyer && tt.order])
	}
}

func TestSessionsExpire(t *testing.T) {
	for name, expire := range map[string]func(*Gateway){
		"after their lifetime": func(g *Gateway) { g.Clock = func() time.Time { return testNow.Add(time.Hour) } },
		"when they are told to": func(g *Gateway) {
			assert.Equal(t, http.StatusNoContent, sendControl(g, http.MethodDelete, "sessions", "").Code)
		},
	} {
		g := closing(t, newGateway(t))
		g.SessionLifetime = time.Hour
		client, session := keysOfSession(t, g, false)
		_, data := component(t, g, "token", fields{"clientKey": client, "sessionKey": session})
		expire(g)
		code, _ := component(t, g, "session", fields{"clientKey": client, "sessionKey": session})
		assert.Equal(t, "PARAMS_INVALID", code, name)
		res := paid(t, g, "P1", session, data["paymentToken"].(string), nil)
		assertRefused(t, res, "PARAMS_INVALID", "sessionKey is invalid,because sessionKey is not defined.")
	}
}
