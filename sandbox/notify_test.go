package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// transport answers requests without a network.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func ack(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}
}

// The attempts come at the documented times, scaled or not, until one is acknowledged.
func TestRetrySchedule(t *testing.T) {
	for _, tt := range []struct {
		name  string
		scale float64
		// acked is the attempt that is acknowledged.
		acked int
		want  []time.Duration // seconds after the payment
		state string
	}{
		{"at once", 0, 1, []time.Duration{0}, notifyDelivered},
		{"at the third", 0, 3, []time.Duration{0, 30, 330}, notifyDelivered},
		{"never", 0, 0, []time.Duration{0, 30, 330, 930, 4530, 47730}, notifyGivenUp},
		{"never, ten times faster", 10, 0, []time.Duration{0, 3, 33, 93, 453, 4773}, notifyGivenUp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t)
				g.Clock = nil
				g.TimeScale = tt.scale
				var bodies []string
				g.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
					body, _ := io.ReadAll(r.Body)
					bodies = append(bodies, string(body)+r.Header.Get("sign"))
					if len(bodies) == tt.acked {
						return ack(200, `{"code":"SUCCESS","msg":"Success"}`), nil
					}
					return ack(500, ""), nil
				})
				start := time.Now()
				pay(t, g, fields{"notifyUrl": "http://localhost/"})
				time.Sleep(14 * time.Hour)
				synctest.Wait()

				list := g.state().recentNotifications()
				require.Len(t, list, 1)
				assert.Equal(t, tt.state, list[0].State)
				var times []time.Duration
				for i, a := range list[0].Attempts {
					times = append(times, a.Time.Sub(start)/time.Second)
					assert.Equal(t, bodies[0], bodies[i], "every attempt sends the same")
					if i+1 == tt.acked {
						assert.Empty(t, a.Problem)
					} else {
						assert.Equal(t, "status 500 instead of 200", a.Problem)
					}
				}
				assert.Equal(t, tt.want, times)
				require.NoError(t, g.Close(t.Context()))
			})
		})
	}
}

func TestCheckAck(t *testing.T) {
	for _, tt := range []struct {
		status     int
		body, want string
	}{
		{200, `{"code":"SUCCESS","msg":"Success"}`, ""},
		{200, ` {"msg":"Suceess.","code":"SUCCESS"}` + "\n", ""},
		{200, `{"code":"SUCCESS"}`, ""},
		{201, `{"code":"SUCCESS"}`, "status 201 instead of 200"},
		{302, `{"code":"SUCCESS"}`, "status 302 instead of 200"},
		{200, `{"code":"success"}`, `code "success" instead of "SUCCESS"`},
		{200, `{"code":"APPLY_SUCCESS"}`, `code "APPLY_SUCCESS" instead of "SUCCESS"`},
		{200, `{"code":1}`, `code "" instead of "SUCCESS"`},
		{200, `{"Code":"SUCCESS"}`, `code "" instead of "SUCCESS"`},
		{200, `{}`, `code "" instead of "SUCCESS"`},
		{200, `SUCCESS`, "the answer is no JSON object"},
		{200, `"SUCCESS"`, "the answer is no JSON object"},
		{200, `[{"code":"SUCCESS"}]`, "the answer is no JSON object"},
		{200, `{"code":"SUCCESS"`, "the answer is no JSON object"},
		{200, ``, "the answer is no JSON object"},
	} {
		err := checkAck(tt.status, []byte(tt.body))
		if tt.want == "" {
			assert.NoError(t, err, tt.body)
		} else {
			assert.EqualError(t, err, tt.want, tt.body)
		}
	}
	assert.Less(t, len(checkAck(200, []byte(`{"code":"`+strings.Repeat("x", 1000)+`"}`)).Error()), 300)
}

// Every final state is notified. Failed ones have an error code, but are signed and delivered like any other.
func TestNotificationOfEveryState(t *testing.T) {
	for subject, want := range map[string][3]string{
		"FAILED":  {"FAILED", "PAYMENT_FAILED", "Provider failed to process."},
		"PENDING": {"SUCCESS", "APPLY_SUCCESS", "Success."},
		"3DS":     {"CLOSED", "PAYMENT_FAILED", "Payment was not completed on time."},
	} {
		t.Run(subject, func(t *testing.T) {
			g := closing(t, newGateway(t))
			g.TimeScale, g.PendingDelay = 1e5, time.Second
			s := newShop(t)
			pay(t, g, fields{"subject": subject, "notifyUrl": s.URL})
			envelope, data := readNotification(t, g, s.wait(t, 1)[0])
			assert.Equal(t, want, [3]string{data["status"].(string), envelope["code"].(string), envelope["msg"].(string)})
			assert.Equal(t, "PAYMENT", envelope["notifyType"])
			assert.Equal(t, subject != "3DS", data["completeTime"] != nil)
		})
	}
	for amount, want := range map[int][2]string{
		102: {"REFUND_FAILED", "REFUND_FAILED"}, 202: {"REFUND_SUCCESS", "APPLY_SUCCESS"}, 203: {"REFUND_SUCCESS", "APPLY_SUCCESS"},
	} {
		g := closing(t, newGateway(t))
		g.TimeScale, g.PendingDelay = 1e5, time.Second
		s := newShop(t)
		pay(t, g, nil)
		must(t, g, "refund", refundFields(amount).with(fields{"refundNotifyUrl": s.URL}).String())
		envelope, data := readNotification(t, g, s.wait(t, 1)[0])
		assert.Equal(t, want, [2]string{data["status"].(string), envelope["code"].(string)})
	}
}

// The URL in the request takes precedence over the one in the dashboard; without either there is no notification.
func TestNotifyURLOfTheDashboard(t *testing.T) {
	dashboard, other := newShop(t), newShop(t)
	g, err := New(testkeys.Gateway(), Merchant{AppID: testAppID, PublicKey: &testkeys.Merchant().PublicKey, NotifyURL: dashboard.URL})
	require.NoError(t, err)
	closing(t, g)
	g.Clock = newGateway(t).Clock
	pay(t, g, nil)
	dashboard.wait(t, 1)
	must(t, g, "refund", refundFields(1).String())
	dashboard.wait(t, 2)
	pay(t, g, fields{"outTradeNo": "P2", "notifyUrl": other.URL})
	other.wait(t, 1)
	dashboard.wait(t, 2)

	silent := closing(t, newGateway(t))
	pay(t, silent, nil)
	require.NoError(t, silent.Close(t.Context()))
	assert.Empty(t, silent.state().recentNotifications())
}

func TestMayNotify(t *testing.T) {
	g := newGateway(t)
	for address, want := range map[string]bool{
		"http://localhost:8080/x":        true,
		"https://127.0.0.1":              true,
		"http://127.8.9.1/":              true,
		"http://[::1]:80/":               true,
		"http://[::ffff:127.0.0.1]/":     true,
		"http://user@localhost/":         true,
		"http://shop.example/":           false,
		"http://localhost.shop.example/": false,
		"http://localhost@shop.example/": false,
		"http://10.0.0.1/":               false,
		"http://0.0.0.0/":                false,
		"http://169.254.169.254/":        false,
		"http://2130706433/":             false,
		"ftp://localhost/":               false,
		"file:///etc/passwd":             false,
		"localhost:8080":                 false,
		"//localhost/":                   false,
		"/callback":                      false,
		"http://":                        false,
		"http://local host/":             false,
	} {
		assert.Equal(t, want, g.mayNotify(address), address)
	}
	g.AllowNotify = func(u *url.URL) bool { return u.Hostname() == "shop.example" }
	assert.True(t, g.mayNotify("https://shop.example/x"))
	assert.False(t, g.mayNotify("http://localhost/"))
	assert.False(t, g.mayNotify("ftp://shop.example/x"))
}

func TestStrangersAreNotCalled(t *testing.T) {
	g := closing(t, newGateway(t))
	g.client.Transport = transport(func(r *http.Request) (*http.Response, error) {
		t.Errorf("called %s", r.URL)
		return nil, errors.New("no")
	})
	pay(t, g, fields{"notifyUrl": "http://shop.example/"})
	list := sent(t, g, 1)
	assert.Equal(t, notifyRefused, list[0].State)
	assert.Empty(t, list[0].Attempts)
}

// A redirect is not an acknowledgement and is not followed.
func TestNotificationsFollowNoRedirect(t *testing.T) {
	other := newShop(t)
	g := closing(t, newGateway(t))
	g.TimeScale = 1e9
	s := newShop(t)
	s.answer = func(w http.ResponseWriter, _ int) {
		w.Header().Set("Location", other.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
	pay(t, g, fields{"notifyUrl": s.URL})
	list := sent(t, g, 1)
	assert.Equal(t, notifyGivenUp, list[0].State)
	assert.Len(t, list[0].Attempts, 6)
	assert.Equal(t, 307, list[0].Attempts[0].Status)
	assert.Empty(t, other.received)
}

// silent never answers. It reads the body, since only then does the server notice that the client has gone.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestNotificationProblems(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"slow", silent, "context deadline exceeded"},
		{"reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 2*maxAck))
		}, "the answer is no JSON object"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"code":"SUCCESS"}`)
		}, "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			g := closing(t, newGateway(t))
			g.TimeScale = 1e9
			if tt.name == "slow" {
				g.NotifyTimeout = 50 * time.Millisecond
			}
			pay(t, g, fields{"notifyUrl": server.URL})
			list := sent(t, g, 1)
			require.Len(t, list[0].Attempts, 6)
			for _, a := range list[0].Attempts {
				assert.Equal(t, tt.want, a.Problem)
			}
		})
	}
}

// Close ends waiting and running deliveries, and nothing starts after it.
func TestClose(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(silent))
	defer server.Close()
	g := newGateway(t)
	pay(t, g, fields{"notifyUrl": server.URL})
	pay(t, g, fields{"outTradeNo": "P2", "subject": "PENDING", "notifyUrl": server.URL})
	pay(t, g, fields{"outTradeNo": "P3", "subject": "3DS"})
	require.Eventually(t, func() bool { return len(g.state().recentNotifications()) == 1 }, 30*time.Second, time.Millisecond)

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Close(gone); err != nil {
		assert.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, g.Close(t.Context()))
	assert.Equal(t, notifyStopped, g.state().recentNotifications()[0].State)
	assert.Equal(t, "PENDING", must(t, g, "orderQuery", `{"outTradeNo":"P2"}`)["status"])

	after := orderFields(openSession(t, g)).with(fields{"outTradeNo": "P4"})
	assert.Equal(t, "SYSTEM_ERROR", call(t, g, "orderAndPay", after.String()).Code)
	assert.Equal(t, "ORDER_NOT_EXIST", call(t, g, "orderQuery", `{"outTradeNo":"P4"}`).Code)
	assert.Equal(t, "SYSTEM_ERROR", call(t, g, "refund", refundFields(1).String()).Code)

	// A reset does not bring it back to life.
	require.Equal(t, http.StatusNoContent, sendControl(g, http.MethodPost, "reset", "").Code)
	again := orderFields(openSession(t, g))
	assert.Equal(t, "SYSTEM_ERROR", call(t, g, "orderAndPay", again.String()).Code)
}

func TestNotificationsAsData(t *testing.T) {
	g := closing(t, newGateway(t))
	s := newShop(t)
	pay(t, g, fields{"notifyUrl": s.URL})
	sent(t, g, 1)
	var list []map[string]any
	w := sendControl(g, http.MethodGet, "notifications", "")
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
	require.Len(t, list, 1)
	got := s.wait(t, 1)[0]
	assert.Equal(t, map[string]any{
		"id": 1.0, "time": "2022-01-17T09:05:52.194Z", "notifyType": "PAYMENT", "appId": testAppID,
		"number": "P1642410680681", "status": "SUCCESS", "code": "APPLY_SUCCESS", "url": s.URL, "state": "delivered",
		"attempts": []any{map[string]any{"time": "2022-01-17T09:05:52.194Z", "status": 200.0}},
		"sign":     got.signs[0], "body": string(got.body),
	}, list[0])
}
