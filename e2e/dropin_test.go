package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// shop is everything that a merchant runs for Drop-In, plus the sandbox in PayerMax's place: the
// application, which holds no key; the sidecar, which signs its calls; and payermax_notify in front
// of its callback.
type shop struct {
	t        *testing.T
	sidecar  *sidecar
	sandbox  string // the sandbox's address
	callback string // where PayerMax sends notifications

	gatewayKeyFile string // the sandbox's public key
	application    string // where the application receives what the sidecar passes on

	mu            sync.Mutex
	notifications []notified
	refuse        int // how many of the next notifications the application refuses
}

// notified is a notification as the application gets it.
type notified struct {
	verified string
	kind     string
	data     map[string]any
}

// newShop returns a shop with its application and a sandbox that runs a thousand times faster than
// real time, but without a sidecar.
func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t}
	port := testnet.FreePort(t)
	startSandbox(t, port, "--app-id", appID, "--merchant-no", merchantNo,
		"--public-key", testkeys.WritePublic(t, &testkeys.Merchant().PublicKey), "--time-scale", "1000")
	s.sandbox = "http://127.0.0.1:" + strconv.Itoa(port)
	s.gatewayKeyFile = testkeys.WriteFile(t, get(t, s.sandbox+"/sandbox/key"))
	application := httptest.NewServer(http.HandlerFunc(s.serveCallback))
	t.Cleanup(application.Close)
	s.application = strings.TrimPrefix(application.URL, "http://")
	return s
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	port, callbackPort := testnet.FreePort(t), testnet.FreePort(t)
	s.callback = fmt.Sprintf("http://127.0.0.1:%d/callback", callbackPort)
	config := fmt.Sprintf(`{
	admin off
	persist_config off
	debug
	%[7]s
}
http://:%[1]d {
	bind 127.0.0.1
	payermax {
		gateway %[2]s
		endpoints drop_in
		%[3]s
		gateway_public_key %[4]s
		timeout 5s
	}
}
http://:%[5]d {
	bind 127.0.0.1
	payermax_notify /callback* {
		gateway_public_key %[4]s
		app_id %[8]s
		merchant_no %[9]s
		ack after
		duplicates 1h
	}
	reverse_proxy %[6]s
}
`, port, s.sandbox, handlerOptions(t), s.gatewayKeyFile, callbackPort, s.application, withoutFields, appID, merchantNo)
	s.sidecar = start(t, "127.0.0.1:"+strconv.Itoa(port), config, nil)
	return s
}

// startSandbox runs the payermax-sandbox command until the end of the test.
func startSandbox(t *testing.T, port int, flags ...string) {
	t.Helper()
	cmd := caddyCommand(t, context.Background(), nil, append([]string{"payermax-sandbox", "--listen", "127.0.0.1:" + strconv.Itoa(port)}, flags...)...)
	sandbox := testprocess.Start(t, cmd)
	t.Cleanup(func() {
		sandbox.Terminate(t, patience)
		assert.Zero(t, sandbox.ExitCode())
	})
	sandbox.AwaitLine(t, "/sandbox/key")
}

// serveCallback is the application's callback route.
func (s *shop) serveCallback(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	assert.NoError(s.t, err)
	var notification struct {
		NotifyType string         `json:"notifyType"`
		Data       map[string]any `json:"data"`
	}
	assert.NoError(s.t, json.Unmarshal(body, &notification))

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse > 0 {
		s.refuse--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.notifications = append(s.notifications, notified{r.Header.Get("Payermax-Verified"), notification.NotifyType, notification.Data})
}

// awaitNotifications waits until the application has accepted the given number of notifications.
func (s *shop) awaitNotifications(count int) []notified {
	s.t.Helper()
	await(s.t, patience, fmt.Sprintf("notification %d", count), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.notifications) >= count
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]notified(nil), s.notifications...)
}

// call makes a call as the application does: plain business data to localhost.
func (s *shop) call(endpoint string, data map[string]any) (status int, code string, answer map[string]any) {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"data": data})
	require.NoError(s.t, err)
	response, err := http.Post("http://"+s.sidecar.addr+"/aggregate-pay/api/gateway/"+endpoint, "application/json", strings.NewReader(string(body)))
	require.NoError(s.t, err)
	defer response.Body.Close()
	var decoded struct {
		Code string         `json:"code"`
		Data map[string]any `json:"data"`
	}
	require.NoError(s.t, json.NewDecoder(response.Body).Decode(&decoded))
	return response.StatusCode, decoded.Code, decoded.Data
}

// must is like call, but requires success.
func (s *shop) must(endpoint string, data map[string]any) map[string]any {
	s.t.Helper()
	status, code, answer := s.call(endpoint, data)
	require.Equal(s.t, http.StatusOK, status)
	require.Equal(s.t, "APPLY_SUCCESS", code)
	return answer
}

// order opens a session and returns an order in it.
func (s *shop) order(outTradeNo, subject string) map[string]any {
	s.t.Helper()
	session := s.must("applyDropinSession", map[string]any{
		"totalAmount": 40000, "currency": "IDR", "country": "ID", "userId": "U10001",
	})
	return map[string]any{
		"outTradeNo": outTradeNo, "integrate": "Direct_Payment", "subject": subject, "totalAmount": 40000,
		"currency": "IDR", "country": "ID", "userId": "U10001", "terminalType": "WEB", "notifyUrl": s.callback,
		"paymentDetail": map[string]any{
			"paymentToken": "332e4cc1af1740aeafe9e7df82aeb5a1", "sessionKey": session["sessionKey"],
			"buyerInfo": map[string]any{"clientIp": "59.82.59.92", "userAgent": "Chrome"},
		},
	}
}

// fault makes the sandbox fail in a given way, for the next calls.
func (s *shop) fault(endpoint, fault string, times int) {
	s.t.Helper()
	body := fmt.Sprintf(`{"endpoint":%q,"fault":%q,"times":%d}`, endpoint, fault, times)
	request, err := http.NewRequest(http.MethodPut, s.sandbox+"/sandbox/faults", strings.NewReader(body))
	require.NoError(s.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	require.Equal(s.t, http.StatusNoContent, response.StatusCode)
}

// The whole Drop-In flow: session, order, notification, query, refund, notification, query. The
// application holds no key.
func TestDropInFlow(t *testing.T) {
	t.Parallel()
	s := openShop(t)

	paid := s.must("orderAndPay", s.order("P1", "SUCCESS"))
	assert.Equal(t, "SUCCESS", paid["status"])
	first := s.awaitNotifications(1)[0]
	assert.Equal(t, "PAYMENT", first.kind)
	assert.Equal(t, "P1", first.data["outTradeNo"])
	assert.True(t, strings.HasPrefix(first.verified, "sha256:"))
	assert.Equal(t, "SUCCESS", s.must("orderQuery", map[string]any{"outTradeNo": "P1"})["status"])

	refund := map[string]any{"outRefundNo": "R1", "outTradeNo": "P1", "refundAmount": "15000", "refundCurrency": "IDR", "refundNotifyUrl": s.callback}
	assert.Equal(t, "REFUND_PENDING", s.must("refund", refund)["status"])
	assert.Equal(t, "REFUND", s.awaitNotifications(2)[1].kind)
	assert.Equal(t, "REFUND_SUCCESS", s.must("refundQuery", map[string]any{"outRefundNo": "R1"})["status"])

	_, code, _ := s.call("orderAndPay", s.order("p1", "SUCCESS"))
	assert.Equal(t, "ORDER_REPEAT", code, "outTradeNo is unique, whatever its case")
}

// The outcomes that the sandbox plays on request, including failed payments.
func TestDropInResults(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	assert.Equal(t, "FAILED", s.must("orderAndPay", s.order("P1", "FAILED"))["status"])
	assert.Equal(t, "FAILED", s.awaitNotifications(1)[0].data["status"])
	assert.Equal(t, "PENDING", s.must("orderAndPay", s.order("P2", "PENDING"))["status"])
	assert.Equal(t, "PENDING", s.must("orderQuery", map[string]any{"outTradeNo": "P2"})["status"], "until somebody says how it ends")

	challenged := s.must("orderAndPay", s.order("P3", "3DS"))
	assert.Equal(t, "PENDING", challenged["status"])
	get(t, challenged["redirectUrl"].(string)) // opening the page pays nothing
	assert.Equal(t, "PENDING", s.must("orderQuery", map[string]any{"outTradeNo": "P3"})["status"])
	confirmed, err := http.PostForm(challenged["redirectUrl"].(string), url.Values{"result": {"SUCCESS"}})
	require.NoError(t, err)
	require.NoError(t, confirmed.Body.Close())
	assert.Equal(t, "SUCCESS", s.awaitNotifications(2)[1].data["status"])
}

// Whatever goes wrong on the way back, the application never sees a success that PayerMax did not
// sign, and can find out the outcome by a query.
func TestDropInFaults(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	for i, test := range []struct {
		fault  string
		status int
		code   string
		paid   bool // paid at PayerMax, although the answer is lost
	}{
		{"wrong-signature", 502, "CHECK_SIGN_ERROR", true},
		{"missing-signature", 502, "CHECK_SIGN_ERROR", true},
		{"truncate", 502, "REQUEST_TIMEOUT", true},
		{"reset", 502, "REQUEST_TIMEOUT", true},
		{"empty", 502, "CHECK_SIGN_ERROR", true},
		{"html", 502, "CHECK_SIGN_ERROR", false},
		{"html=503", 502, "CHECK_SIGN_ERROR", false},
		{"status=503", 502, "CHECK_SIGN_ERROR", false},
		{"throttle", 200, "TOO_MANY_REQUEST", false},
		{"clock-skew=5m", 200, "REQ_TIME_OVER_TIME", false},
		{"latency=6s", 504, "REQUEST_TIMEOUT", true},
	} {
		outTradeNo := "P" + strconv.Itoa(i)
		order := s.order(outTradeNo, "SUCCESS")
		s.fault("orderAndPay", test.fault, 1)
		status, code, answer := s.call("orderAndPay", order)
		assert.Equal(t, test.status, status, test.fault)
		assert.Equal(t, test.code, code, test.fault)
		assert.Empty(t, answer, test.fault)

		_, code, answer = s.call("orderQuery", map[string]any{"outTradeNo": outTradeNo})
		if test.paid {
			assert.Equal(t, "SUCCESS", answer["status"], test.fault)
		} else {
			assert.Equal(t, "ORDER_NOT_EXIST", code, test.fault)
		}
	}
}

// Forged notifications are refused by payermax_notify, lost and refused ones are delivered again,
// and none reaches the application twice.
func TestDropInNotificationFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"wrong-notification-signature", "missing-notification-signature"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := openShop(t)
			s.fault("orderAndPay", fault, 1)
			s.must("orderAndPay", s.order("P1", "SUCCESS"))
			s.sidecar.AwaitLine(t, `"msg":"notification"`, `"status":403`)
			s.must("orderAndPay", s.order("P2", "SUCCESS"))
			assert.Equal(t, "P2", s.awaitNotifications(1)[0].data["outTradeNo"], "the forged one never arrives")
		})
	}
	t.Run("refused by the application", func(t *testing.T) {
		t.Parallel()
		s := openShop(t)
		s.refuse = 2
		s.must("orderAndPay", s.order("P1", "SUCCESS"))
		assert.Equal(t, "P1", s.awaitNotifications(1)[0].data["outTradeNo"])
	})
	t.Run("delivered twice", func(t *testing.T) {
		t.Parallel()
		s := openShop(t)
		s.fault("orderAndPay", "duplicate-notification", 1)
		s.must("orderAndPay", s.order("P1", "SUCCESS"))
		s.sidecar.AwaitLine(t, `"msg":"notification"`, `"result":"duplicate"`)
		assert.Len(t, s.awaitNotifications(1), 1)
	})
	t.Run("with an odd time", func(t *testing.T) {
		t.Parallel()
		s := openShop(t)
		s.fault("orderAndPay", "odd-notification-time", 1)
		s.must("orderAndPay", s.order("P1", "SUCCESS"))
		assert.Len(t, s.awaitNotifications(1), 1)
	})
}
