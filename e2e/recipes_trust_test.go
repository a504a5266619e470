package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// orders answers sessions and queries successfully, and orders as the test chooses; the test may
// override the other answers as well. It plays a gateway, or takes the sidecar's place.
type orders struct {
	url    string
	header http.Header // of the successful answers

	mu      sync.Mutex
	replies map[string]http.HandlerFunc // keyed by endpoint
	calls   []string
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
	reply := o.replies[endpoint]
	o.mu.Unlock()
	if reply != nil {
		reply(w, r)
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

// answers sets how orders are answered from now on, and discards the recorded calls.
func (o *orders) answers(order http.HandlerFunc) {
	o.replying(map[string]http.HandlerFunc{"orderAndPay": order})
}

// replying sets how each endpoint is answered from now on, and discards the recorded calls.
func (o *orders) replying(replies map[string]http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.replies, o.calls = replies, nil
}

func (o *orders) called() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls
}

// replying returns a handler that gives an answer.
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

// fromPayerMax returns a handler that gives an answer signed by PayerMax.
func fromPayerMax(body string) http.HandlerFunc {
	return replying(http.StatusOK, body, signHeader(body))
}

// lost loses the answer: it breaks the connection.
func lost(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// inTurn returns a handler that gives the first reply to the first call, the second to the next,
// and the last from then on. Answers have these fields unless a reply sets them.
func inTurn(fields http.Header, replies []http.HandlerFunc) http.HandlerFunc {
	var calls atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), fields)
		replies[min(int(calls.Add(1)), len(replies))-1](w, r)
	}
}

// Whatever takes the place of PayerMax's answer to an order, each program asks PayerMax for the
// outcome before it does anything else, and sends nothing anywhere else.
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

	// Answers through a sidecar.
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
		"the connection breaks":       lost,

		// Only a few of PayerMax's own codes say that there is no order.
		"too busy":                           fromPayerMax(`{"code":"SYSTEM_BUSY","msg":""}`),
		"too busy, and not signed":           replying(200, `{"code":"SYSTEM_BUSY","msg":""}`),
		"too many requests":                  fromPayerMax(`{"code":"TOO_MANY_REQUEST","msg":""}`),
		"under way":                          fromPayerMax(`{"code":"PAYMENT_PROCESSING","msg":""}`),
		"sent before":                        fromPayerMax(`{"code":"ORDER_REPEAT","msg":""}`),
		"a code of another endpoint's":       fromPayerMax(`{"code":"ORDER_NOT_EXIST","msg":""}`),
		"a payment that failed, perhaps":     fromPayerMax(refused),
		"a code that PayerMax has not named": fromPayerMax(timedOut),
	}
	// Answers from something in the sidecar's place.
	impostors := map[string]http.HandlerFunc{
		"a redirect":                  replying(307, stolen, location),
		"a redirect that looks right": replying(308, stolen, location, sidecars),
		"an error without a trace":    replying(504, timedOut),
		"a refusal without a trace":   replying(200, refused),
		"a refusal of another status": replying(503, refused, sidecars),
		"a page":                      replying(200, "<html>"),
		"an empty answer":             replying(200, "", sidecars),
		"an answer without a code":    replying(200, `{"msg":"STOLEN"}`, sidecars),

		// APPLY_SUCCESS alone does not tell the outcome of an order.
		"a success without data":               replying(200, `{"code":"APPLY_SUCCESS","msg":""}`, sidecars),
		"a success with null for data":         replying(200, `{"code":"APPLY_SUCCESS","data":null}`, sidecars),
		"a success with an array for data":     replying(200, `{"code":"APPLY_SUCCESS","data":[{"status":"SUCCESS"}]}`, sidecars),
		"a success with a string for data":     replying(200, `{"code":"APPLY_SUCCESS","data":"SUCCESS"}`, sidecars),
		"a success without a status":           replying(200, `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P1"}}`, sidecars),
		"a success with null for a status":     replying(200, `{"code":"APPLY_SUCCESS","data":{"status":null}}`, sidecars),
		"a success with an object as a status": replying(200, `{"code":"APPLY_SUCCESS","data":{"status":{"status":"SUCCESS"}}}`, sidecars),
		"a success with an unknown status":     replying(200, `{"code":"APPLY_SUCCESS","data":{"status":"AUTHORIZED"}}`, sidecars),
		"a payment that is pending":            replying(200, `{"code":"APPLY_SUCCESS","data":{"status":"PENDING"}}`, sidecars),

		"an answer with another code": replying(200, `{"code":["APPLY_SUCCESS"]}`, sidecars),
		"an error of the sidecar's that is new": replying(500, `{"code":"NEW","msg":""}`,
			"Proxy-Status: caddy-payermax; error=proxy_internal_error"),
		"the connection breaks": lost,
	}

	for _, r := range programs {
		t.Run(r.language, func(t *testing.T) {
			t.Parallel()
			command := r.command(t)
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

// signHeader returns the header line with the gateway's signature, for replying.
func signHeader(body string) string {
	return fmt.Sprintf("Sign: %s", sign(testkeys.Gateway(), []byte(body)))
}

// Each program makes the expected calls and reports the expected outcome. Once an order's outcome
// was unknown, it stays unknown, whatever the answers to later attempts, until PayerMax reports it.
func TestRecipesDecide(t *testing.T) {
	t.Parallel()
	const (
		asks     = `order P1: outcome unknown \(.+\), asking PayerMax\n`
		notYet   = `order P1: not there yet\n`
		paid     = `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P1","status":"SUCCESS"}}`
		pending  = `{"code":"APPLY_SUCCESS","data":{"outTradeNo":"P1","status":"PENDING"}}`
		busy     = `{"code":"TOO_MANY_REQUEST","msg":"busy"}`
		invalid  = `{"code":"PARAMS_INVALID","msg":"amount"}`
		notFound = `{"code":"ORDER_NOT_EXIST","msg":""}`
	)
	var (
		missingOrder = replying(200, notFound)
		ownLimit     = replying(429, busy, `Proxy-Status: caddy-payermax; error=http_request_denied`, "Retry-After: 1")
		ownDouble    = replying(409, `{"code":"CALL_UNDER_WAY","msg":"wait"}`, `Proxy-Status: caddy-payermax; error=http_request_denied`)
		statusHidden = replying(200, `{"code":"REQUEST_TIMEOUT","msg":"lost"}`, `Proxy-Status: caddy-payermax; error=connection_terminated`)
		ownDenial    = replying(403, `{"code":"CALLER_NOT_ALLOWED","msg":"no"}`, `Proxy-Status: caddy-payermax; error=http_request_denied`)
	)
	type outcome struct {
		name          string
		order, query  []http.HandlerFunc // in turn; without a query reply, the query finds the order paid
		says          string             // the output after the session
		exitCode      int
		orders, asked int // how many of each call
	}
	turns := func(replies ...http.HandlerFunc) []http.HandlerFunc { return replies }
	// Answers through a sidecar.
	gateways := []outcome{
		{"paid", turns(fromPayerMax(paid)), nil, `order P1: SUCCESS\n`, 0, 1, 0},
		{"failed", turns(fromPayerMax(strings.Replace(paid, `"SUCCESS"`, `"FAILED"`, 1))), nil, `order P1: FAILED\n`, 0, 1, 0},
		{"closed", turns(fromPayerMax(strings.Replace(paid, `"SUCCESS"`, `"CLOSED"`, 1))), nil, `order P1: CLOSED\n`, 0, 1, 0},
		{"no order", turns(fromPayerMax(invalid)), nil, `refused: PARAMS_INVALID: amount\n`, 1, 1, 0},
		{"no order, and not signed", turns(replying(200, `{"code":"SIGN_VERIFY_FAILED","msg":"sign"}`)), nil,
			`refused: SIGN_VERIFY_FAILED: sign\n`, 1, 1, 0},

		{"lost, not there, and then too many requests", turns(lost, replying(200, busy)), turns(missingOrder, fromPayerMax(paid)),
			asks + notYet + asks + `order P1: SUCCESS\n`, 0, 2, 2},
		{"lost, not there, and then no order", turns(lost, fromPayerMax(invalid)), turns(missingOrder, fromPayerMax(paid)),
			asks + notYet + asks + `order P1: SUCCESS\n`, 0, 2, 2},
		{"lost, and never there", turns(lost, fromPayerMax(invalid)), turns(missingOrder),
			strings.Repeat(asks+notYet, 3) + `outcome unknown: REQUEST_TIMEOUT\n`, 1, 3, 3},

		{"pending, and pending", turns(fromPayerMax(pending)), turns(fromPayerMax(pending)), asks + `outcome unknown: PENDING\n`, 1, 1, 1},
		{"lost, and the question is refused", turns(lost), turns(fromPayerMax(invalid)), asks + `outcome unknown: .*PARAMS_INVALID.*\n`, 1, 1, 1},
		{"busy, and busy", turns(fromPayerMax(`{"code":"SYSTEM_BUSY"}`)), turns(fromPayerMax(`{"code":"SYSTEM_BUSY"}`)), asks + `outcome unknown: .*SYSTEM_BUSY\n`, 1, 1, 3},
	}
	// Answers from something in the sidecar's place, such as the sidecar's own refusals.
	sidecars := []outcome{
		{"no more calls at first", turns(ownLimit, lost), nil, asks + `order P1: SUCCESS\n`, 0, 2, 1},
		{"never any calls", turns(ownLimit), nil, `not sent: TOO_MANY_REQUEST\n`, 1, 3, 0},
		{"under way elsewhere", turns(ownDouble), nil, asks + `order P1: SUCCESS\n`, 0, 1, 1},
		{"under way elsewhere, and then no longer", turns(ownDouble, replying(200, paid)), turns(missingOrder),
			asks + notYet + `order P1: SUCCESS\n`, 0, 2, 1},
		{"lost, with status_200", turns(statusHidden), nil, asks + `order P1: SUCCESS\n`, 0, 1, 1},
		{"denied", turns(ownDenial), nil, `refused: CALLER_NOT_ALLOWED: no\n`, 1, 1, 0},
		{"lost, not there, and then no more calls", turns(lost, ownLimit), turns(missingOrder),
			strings.Repeat(asks+notYet, 3) + `outcome unknown: .+\n`, 1, 3, 3},
		{"lost, not there, and then denied", turns(lost, ownDenial), turns(missingOrder, replying(200, paid)),
			asks + notYet + asks + `order P1: SUCCESS\n`, 0, 2, 2},
		{"lost, and an answer without data", turns(lost), turns(replying(200, `{"code":"APPLY_SUCCESS"}`)), asks + `outcome unknown: .+\n`, 1, 1, 1},
		{"lost, and an array", turns(lost), turns(replying(200, `{"code":"APPLY_SUCCESS","data":["SUCCESS"]}`)), asks + `outcome unknown: .+\n`, 1, 1, 1},
		{"lost, and no more questions", turns(lost), turns(ownLimit), asks + `outcome unknown: .*TOO_MANY_REQUEST\n`, 1, 1, 3},
		{"lost, and questions are denied", turns(lost), turns(ownDenial), asks + `outcome unknown: .*CALLER_NOT_ALLOWED.*\n`, 1, 1, 1},
	}
	trusted := http.Header{"Proxy-Status": {"caddy-payermax; received-status=200"}}

	for _, r := range programs {
		t.Run(r.language, func(t *testing.T) {
			t.Parallel()
			command := r.command(t)
			decides := func(o *orders, at string, test outcome) {
				replies := map[string]http.HandlerFunc{"orderAndPay": inTurn(o.header, test.order)}
				if test.query != nil {
					replies["orderQuery"] = inTurn(o.header, test.query)
				}
				o.replying(replies)
				said, exitCode := run(t, command, at, "P1")
				assert.Regexp(t, `^session: [0-9a-z]+\n`+test.says+`$`, said, test.name)
				assert.Equal(t, test.exitCode, exitCode, test.name)
				calls := strings.Join(o.called(), " ")
				assert.Equal(t, test.orders, strings.Count(calls, "orderAndPay"), test.name)
				assert.Equal(t, test.asked, strings.Count(calls, "orderQuery"), test.name)
			}
			gateway := newOrders(t, nil)
			s := startSidecar(t, setup{gateway: gateway.url, options: "endpoints drop_in\ntimeout 5s"})
			for _, test := range gateways {
				decides(gateway, "http://"+s.addr, test)
			}
			standIn := newOrders(t, trusted)
			for _, test := range sidecars {
				decides(standIn, standIn.url, test)
			}

			// Without a session, no payment can be made.
			for _, data := range []string{`null`, `[]`, `"x"`, `{}`, `{"sessionKey":null}`} {
				session := turns(replying(200, `{"code":"APPLY_SUCCESS","data":`+data+`}`))
				standIn.replying(map[string]http.HandlerFunc{"applyDropinSession": inTurn(trusted, session)})
				said, exitCode := run(t, command, standIn.url, "P1")
				assert.Equal(t, "outcome unknown: no session key\n", said, data)
				assert.Equal(t, 1, exitCode, data)
				assert.Equal(t, []string{"applyDropinSession"}, standIn.called(), data)
			}
		})
	}
}
