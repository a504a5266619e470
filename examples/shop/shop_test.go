package shop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sidecar answers calls with the body that the test sets for their endpoint.
type sidecar map[string]string

func (s sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Proxy-Status", "caddy-payermax; received-status=200")
	answer, known := s[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
	if !known {
		w.Header().Set("Proxy-Status", "caddy-payermax; error=http_request_error")
		w.WriteHeader(http.StatusBadRequest)
		answer = `{"code":"PARAMS_INVALID","msg":"refused by the sidecar"}`
	} else if answer == underWay {
		w.Header().Set("Proxy-Status", "caddy-payermax; error=http_request_denied")
		w.WriteHeader(http.StatusConflict)
	}
	_, _ = fmt.Fprint(w, answer)
}

// open returns a shop, and the number of an order in it.
func open(t *testing.T, s sidecar) (*Shop, string) {
	t.Helper()
	s["applyDropinSession"] = `{"code":"APPLY_SUCCESS","data":{"clientKey":"c","sessionKey":"s"}}`
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	shop := New(Config{Sidecar: server.URL, Component: "http://127.0.0.1:9000/pmdropin.js"})
	var checkout struct{ Number string }
	require.NoError(t, json.Unmarshal(send(shop.Buyers(), http.MethodPost, "/checkout", "").Body.Bytes(), &checkout))
	return shop, checkout.Number
}

func send(handler http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Payermax-Verified", "sha256:x")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// pay pays the order and returns its state.
func pay(t *testing.T, shop *Shop, number string) string {
	t.Helper()
	var order orderView
	require.NoError(t, json.Unmarshal(send(shop.Buyers(), http.MethodPost, "/orders/"+number+"/payment", `{"paymentToken":"x"}`).Body.Bytes(), &order))
	return order.Status
}

// underWay is the sidecar's own answer while another request for the order is on its way.
const underWay = `{"code":"CALL_UNDER_WAY","msg":"wait"}`

const pending = `{"code":"APPLY_SUCCESS","data":{"status":"PENDING"}}`

// The meaning of the answers to an order: REFUSED only if PayerMax or the sidecar has certainly refused it.
func TestAnswers(t *testing.T) {
	for answer, want := range map[string]string{
		pending: "PENDING",
		`{"code":"APPLY_SUCCESS","data":{"status":"SUCCESS"}}`: "SUCCESS",
		`{"code":"PARAMS_INVALID","msg":"sessionKey"}`:         "REFUSED",
		`{"code":"SYSTEM_ERROR","msg":"busy"}`:                 "PENDING",
		underWay:                                               "PENDING",
		`<html>`:                                               "PENDING",
	} {
		shop, number := open(t, sidecar{"orderAndPay": answer})
		assert.Equal(t, want, pay(t, shop, number), answer)
	}
	shop, number := open(t, sidecar{})
	assert.Equal(t, "REFUSED", pay(t, shop, number))
}

// An order is sent once, however often the buyer clicks.
func TestOneOrder(t *testing.T) {
	answers := sidecar{"orderAndPay": pending}
	shop, number := open(t, answers)
	assert.Equal(t, "PENDING", pay(t, shop, number))
	delete(answers, "orderAndPay")
	assert.Equal(t, "PENDING", pay(t, shop, number))
	assert.Equal(t, http.StatusBadRequest, send(shop.Buyers(), http.MethodPost, "/orders/other/payment", `{}`).Code)
}

// A notification counts only if it is about an order of this shop and its full amount, and it does not change a final
// state.
func TestNotifications(t *testing.T) {
	shop, number := open(t, sidecar{"orderAndPay": pending})
	pay(t, shop, number)
	status := func() string { return shop.view(shop.order(number)).Status }
	notify := func(kind, number, status, amount, currency string) {
		body := fmt.Sprintf(`{"notifyType":%q,"data":{"outTradeNo":%q,"status":%q,"totalAmount":%s,"currency":%q}}`, kind, number, status, amount, currency)
		assert.Equal(t, http.StatusNoContent, send(shop.Notifications(), http.MethodPost, "/", body).Code)
	}
	notify("PAYMENT", number, "SUCCESS", "1.25", "USD")
	notify("PAYMENT", number, "SUCCESS", "12.5", "IDR")
	notify("PAYMENT", "other", "SUCCESS", "12.5", "USD")
	notify("REFUND", number, "SUCCESS", "12.5", "USD")
	assert.Equal(t, "PENDING", status())
	notify("PAYMENT", number, "SUCCESS", "12.5", "USD")
	notify("PAYMENT", number, "FAILED", "12.5", "USD")
	assert.Equal(t, "SUCCESS", status())
	assert.Equal(t, http.StatusNotFound, send(shop.Buyers(), http.MethodPost, "/payermax/callback", "{}").Code)
}

// The shop queries PayerMax if no notification has come, and checks the answer like a notification.
func TestAsking(t *testing.T) {
	answers := sidecar{"orderAndPay": `{"code":"SYSTEM_ERROR"}`}
	shop, number := open(t, answers)
	pay(t, shop, number)
	state := func() string {
		return send(shop.Buyers(), http.MethodGet, "/orders/"+number+"/state", "").Body.String()
	}
	answers["orderQuery"] = `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"` + number + `","status":"SUCCESS","totalAmount":12.5,"currency":"USD"}}`
	assert.Contains(t, state(), `"status":"PENDING"`, "it has just been sent")
	shop.order(number).asked = time.Now().Add(-askAfter)
	assert.Contains(t, state(), `"source":"answer to a query"`)
	assert.Contains(t, state(), `"status":"SUCCESS"`)
	assert.Equal(t, http.StatusNotFound, send(shop.Buyers(), http.MethodGet, "/orders/other/state", "").Code)
}

// If there is no order, the buyer is told so and can try again: at once if PayerMax has answered, or else as soon as
// the lost request cannot arrive any more.
func TestNoOrder(t *testing.T) {
	for answer, lost := range map[string]bool{`{"code":"TOO_MANY_REQUEST"}`: false, `<html>`: true} {
		shop, number := open(t, sidecar{"orderAndPay": answer, "orderQuery": `{"code":"ORDER_NOT_EXIST"}`})
		assert.Equal(t, statusPending, pay(t, shop, number))
		o := shop.order(number)
		ask := func() string {
			o.asked = time.Now().Add(-askAfter)
			return send(shop.Buyers(), http.MethodGet, "/orders/"+number+"/state", "").Body.String()
		}
		if lost {
			assert.Contains(t, ask(), `"status":"PENDING"`)
			o.arrives = o.arrives.Add(-arrivesWithin)
		}
		state := ask()
		assert.Contains(t, state, `"status":"REFUSED"`, answer)
		assert.Contains(t, state, `"source":"PayerMax has made no order"`, answer)
	}
}
