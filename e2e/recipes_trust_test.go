package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// orders answers sessions and queries well, and orders as the test has it. It is a
// gateway, or stands where the sidecar should.
type orders struct {
	url    string
	header http.Header // of the good answers

	mu    sync.Mutex
	order http.HandlerFunc
	calls []string
}

func newOrders(t *testing.T, header http.Header) *orders {
	t.Helper()
	o := &orders{header: header}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

func (o *orders) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	o.mu.Lock()
	o.calls = append(o.calls, endpoint)
	order := o.order
	o.mu.Unlock()
	if endpoint == "orderAndPay" {
		order(w, r)
		return
	}
	body := success
	if endpoint == "orderQuery" {
		body = `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P1","status":"SUCCESS"}}`
	}
	for field, values := range o.header {
		w.Header()[field] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Sign", sign(testkeys.Gateway(), []byte(body)))
	_, _ = w.Write([]byte(body))
}

// answers sets how orders are answered from now on, and forgets the calls.
func (o *orders) answers(order http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.order, o.calls = order, nil
}

func (o *orders) called() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls
}

// replying makes a handler that gives an answer.
func replying(status int, body string, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, field := range fields {
			name, value, _ := strings.Cut(field, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// Whatever stands in for an answer of PayerMax's to an order, each program asks
// PayerMax what became of it before it does anything else, and goes nowhere else.
func TestRecipesAskPayerMax(t *testing.T) {
	t.Parallel()
	attacker := newOrders(t, nil)
	attacker.answers(replying(200, `{"code":"APPLY_SUCCESS","data":{"status":"STOLEN"}}`, "Proxy-Status: caddy-payermax; received-status=200"))
	const (
		sidecars = "Proxy-Status: caddy-payermax; received-status=200; details=\"answer verified\""
		timedOut = `{"code":"GATEWAY_TIMEOUT","msg":"upstream timed out"}`
		refused  = `{"code":"PAYMENT_REJECTED","msg":""}`
		stolen   = `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P1","status":"STOLEN"}}`
	)
	location := "Location: " + attacker.url + "/aggregate-pay/api/gateway/orderAndPay"

	// Through a sidecar.
	gateways := map[string]http.HandlerFunc{
		"a proxy timed out":           replying(504, timedOut),
		"a proxy is overloaded":       replying(503, refused),
		"a proxy's own words":         replying(200, `{"code":"RATE_LIMITED"}`),
		"a proxy's page":              replying(502, "<html>"),
		"a redirect":                  replying(307, stolen, location),
		"a redirect after the answer": replying(303, refused, location),
		"a forged success":            replying(200, stolen),
		"a success of another order":  replying(200, strings.Replace(stolen, "P1", "P2", 1), signHeader(strings.Replace(stolen, "P1", "P2", 1))),
		"a success of another status": replying(201, stolen, signHeader(stolen)),
		"PayerMax is busy":            replying(200, `{"code":"SYSTEM_ERROR"}`, signHeader(`{"code":"SYSTEM_ERROR"}`)),
		"the connection breaks":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	// From whatever answers where the sidecar should.
	impostors := map[string]http.HandlerFunc{
		"a redirect":                  replying(307, stolen, location),
		"a redirect that looks right": replying(308, stolen, location, sidecars),
		"an error without a trace":    replying(504, timedOut),
		"a refusal without a trace":   replying(200, refused),
		"a refusal of another status": replying(503, refused, sidecars),
		"a page":                      replying(200, "<html>"),
		"an empty answer":             replying(200, "", sidecars),
		"an answer without a code":    replying(200, `{"msg":"STOLEN"}`, sidecars),
		"the connection breaks":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}

	for _, r := range programs {
		t.Run(r.language, func(t *testing.T) {
			t.Parallel()
			for _, command := range r.needs {
				if _, err := exec.LookPath(command); err != nil {
					missing(t, command)
				}
			}
			command := r.prepare(t)
			asks := func(o *orders, at, name string, order http.HandlerFunc) {
				o.answers(order)
				said, exitCode := run(t, command, at, "P1")
				assert.Regexp(t, `^session: [0-9a-z]+\norder P1: outcome unknown \(.+\), asking PayerMax\norder P1: SUCCESS\n$`, said, name)
				assert.Zero(t, exitCode, name)
				assert.Equal(t, []string{"applyDropinSession", "orderAndPay", "orderQuery"}, o.called(), name)
			}
			gateway := newOrders(t, nil)
			s := startSidecar(t, setup{gateway: gateway.url, options: "endpoints drop_in\ntimeout 5s"})
			for name, order := range gateways {
				asks(gateway, "http://"+s.addr, "through a sidecar: "+name, order)
			}
			impostor := newOrders(t, http.Header{"Proxy-Status": {strings.TrimPrefix(sidecars, "Proxy-Status: ")}})
			for name, order := range impostors {
				asks(impostor, impostor.url, "without one: "+name, order)
			}
		})
	}
	t.Cleanup(func() { require.Empty(t, attacker.called(), "a redirect was followed") })
}

// signHeader is the header line with the gateway's signature, for replying.
func signHeader(body string) string {
	return fmt.Sprintf("Sign: %s", sign(testkeys.Gateway(), []byte(body)))
}
