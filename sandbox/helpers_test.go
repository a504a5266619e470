package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// versionOf holds a documented version of each interface.
var versionOf = map[string]string{
	"applyDropinSession": "1.5", "orderAndPay": "1.4", "orderQuery": "1.4", "refund": "1.4", "refundQuery": "1.4",
	"capture": "1.4", "cancel": "1.4", "inquirePaymentToken": "1.2", "removePaymentToken": "1.2",
}

// strictGateway returns a gateway with Strict set.
func strictGateway(t testing.TB) *Gateway {
	t.Helper()
	g := newGateway(t)
	g.Strict = true
	return g
}

// callRequest returns a validly signed request to an interface, at the gateway's time.
func callRequest(t testing.TB, g *Gateway, endpoint, data string) *http.Request {
	t.Helper()
	body := fmt.Sprintf(`{"version":%q,"keyVersion":"1","requestTime":%q,"appId":%q,"merchantNo":%q,"data":%s}`,
		versionOf[endpoint], g.now().UTC().Format("2006-01-02T15:04:05.000Z07:00"), testAppID, testMerchantNo, data)
	r := newRequest(body, signWith(t, testkeys.Merchant(), body))
	r.URL.Path = basePath + endpoint
	return r
}

// call sends a validly signed request to an interface.
func call(t testing.TB, g *Gateway, endpoint, data string) result {
	t.Helper()
	return readAnswer(t, g, serve(g, callRequest(t, g, endpoint, data)))
}

// must is call for a request that must be accepted; it returns the members of the answer's data.
func must(t testing.TB, g *Gateway, endpoint, data string) map[string]any {
	t.Helper()
	res := call(t, g, endpoint, data)
	require.Equal(t, "APPLY_SUCCESS", res.Code, res.Msg)
	var members map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(res.Data)))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&members))
	return members
}

// openSession returns the key of a session of user U10001 for 40000 IDR, in which the card may be saved.
func openSession(t testing.TB, g *Gateway) string {
	t.Helper()
	data := `{"totalAmount":40000,"currency":"IDR","country":"ID","userId":"U10001","tokenForFutureUse":true}`
	return must(t, g, "applyDropinSession", data)["sessionKey"].(string)
}

// fields are the members of an order or a refund; nil removes one.
type fields map[string]any

// with returns a copy of the fields with those of over added or replaced.
func (f fields) with(over fields) fields {
	merged := fields{}
	for _, m := range []fields{f, over} {
		for name, value := range m {
			merged[name] = value
			if value == nil {
				delete(merged, name)
			}
		}
	}
	return merged
}

func (f fields) String() string {
	raw, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// orderFields returns a valid order in a session.
func orderFields(sessionKey string) fields {
	return fields{
		"outTradeNo": "P1642410680681", "integrate": "Direct_Payment", "subject": "60 diamonds", "totalAmount": 40000,
		"currency": "IDR", "country": "ID", "userId": "U10001", "terminalType": "WEB",
		"paymentDetail": detailFields(sessionKey),
	}
}

func detailFields(sessionKey string) fields {
	return fields{
		"paymentToken": "332e4cc1af1740aeafe9e7df82aeb5a1", "sessionKey": sessionKey,
		"buyerInfo": fields{"clientIp": "59.82.59.92", "userAgent": "Chrome"},
	}
}

// pay places a valid order, with the given fields added or replaced.
func pay(t testing.TB, g *Gateway, over fields) map[string]any {
	t.Helper()
	return must(t, g, "orderAndPay", orderFields(openSession(t, g)).with(over).String())
}

// orderStatus queries the state of the order that pay places.
func orderStatus(t testing.TB, g *Gateway) string {
	t.Helper()
	return must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)["status"].(string)
}

// refundFields returns a valid refund of the order that pay places.
func refundFields(amount any) fields {
	return fields{
		"outRefundNo": "R1642411016202", "refundAmount": amount, "refundCurrency": "IDR", "outTradeNo": "P1642410680681",
	}
}

// authorize is pay for an order that is only authorised.
func authorize(t testing.TB, g *Gateway, over fields) map[string]any {
	t.Helper()
	return pay(t, g, fields{"captureMode": "MANUAL", "authorizationType": "FINAL_AUTH"}.with(over))
}

// authorizeWith is authorize with a given paymentToken, which decides how the capture proceeds.
func authorizeWith(t testing.TB, g *Gateway, token string, over fields) map[string]any {
	t.Helper()
	detail := detailFields(openSession(t, g)).with(fields{"paymentToken": token})
	return authorize(t, g, fields{"paymentDetail": detail}.with(over))
}

// captureFields returns a valid capture of the order that authorize places.
func captureFields(amount any) fields {
	return fields{"requestId": "C1642411016202", "outTradeNo": "P1642410680681", "currency": "IDR", "amount": amount}
}

// cancelFields returns a valid cancellation of the order that authorize places.
func cancelFields() fields {
	return fields{"requestId": "V1642411016202", "outTradeNo": "P1642410680681"}
}

// movableClock gives the gateway a clock that stands still until it is moved.
func movableClock(g *Gateway) (move func(time.Duration)) {
	var ahead atomic.Int64
	g.Clock = func() time.Time { return testNow.Add(time.Duration(ahead.Load())) }
	return func(d time.Duration) { ahead.Add(int64(d)) }
}

// closing closes the gateway when the test ends.
func closing(t testing.TB, g *Gateway) *Gateway {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		assert.NoError(t, g.Close(ctx))
	})
	return g
}

// shop is a merchant's server, which keeps the notifications that it receives.
type shop struct {
	*httptest.Server

	mu       sync.Mutex
	received []received
	// answer answers the nth delivery, counted from 1; the default is a valid acknowledgement.
	answer func(w http.ResponseWriter, n int)
}

type received struct {
	body        []byte
	signs       []string
	contentType string
}

func newShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.received = append(s.received, received{body, r.Header.Values("sign"), r.Header.Get("Content-Type")})
	n := len(s.received)
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(w, n)
		return
	}
	_, _ = io.WriteString(w, `{"msg":"Success","code":"SUCCESS"}`)
}

// wait waits for n deliveries and returns them.
func (s *shop) wait(t testing.TB, n int) []received {
	t.Helper()
	var got []received
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		got = append([]received(nil), s.received...)
		return len(got) >= n
	}, 30*time.Second, time.Millisecond)
	require.Len(t, got, n)
	return got
}

// sent waits until there are n notifications and none is pending, and returns them.
func sent(t testing.TB, g *Gateway, n int) []notification {
	t.Helper()
	var list []notification
	require.Eventually(t, func() bool {
		list = g.state().recentNotifications()
		for _, one := range list {
			if one.State == notifyPending {
				return false
			}
		}
		return len(list) == n
	}, 30*time.Second, time.Millisecond)
	return list
}

// sendControl sends a request to the control API.
func sendControl(g *Gateway, method, path, body string) *httptest.ResponseRecorder {
	return serve(g, httptest.NewRequest(method, "/sandbox/"+path, strings.NewReader(body)))
}
