package model

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"pgregory.net/rapid"
)

const pathPrefix = "/aggregate-pay/api/gateway/"

// endpoint is one of PayerMax's endpoints, as far as the model uses it.
type endpoint struct {
	data       string // with the call's number, an amount if there is one, and the members that the answer echoes
	answer     string
	repeatable bool
	hasAmount  bool
	echoes     bool
}

const session = "applyDropinSession"

// endpoints has %[1]s for the number and %[2]d for the amount.
var endpoints = map[string]endpoint{
	session: {
		data:       `{"totalAmount":%[2]d,"currency":"IDR","country":"ID","userId":"canary-user","referralCode":"%[1]s"}`,
		answer:     `{"clientKey":"3711","sessionKey":"%[1]s","notSupportedComponent":[]}`,
		repeatable: true, hasAmount: true,
	},
	"orderAndPay": {
		data: `{"outTradeNo":"%[1]s","integrate":"Direct_Payment","subject":"Socks","totalAmount":%[2]d,"currency":"IDR","country":"ID",` +
			`"userId":"canary-user","terminalType":"WEB","paymentDetail":{"paymentToken":"332e","sessionKey":"bdsf","buyerInfo":{"clientIp":"59.82.59.92","userAgent":"Chrome"}}}`,
		answer:    `{"outTradeNo":"%[1]s","tradeToken":"T1","status":"PENDING"}`,
		hasAmount: true, echoes: true,
	},
	"orderQuery": {
		data: `{"outTradeNo":"%[1]s"}`, answer: `{"outTradeNo":"%[1]s","tradeToken":"T1","status":"SUCCESS"}`,
		repeatable: true, echoes: true,
	},
	"refund": {
		data:      `{"outRefundNo":"%[1]s","outTradeNo":"P1","refundAmount":"%[2]d","refundCurrency":"IDR"}`,
		answer:    `{"outRefundNo":"%[1]s","refundTradeNo":"R1","status":"REFUND_PENDING"}`,
		hasAmount: true, echoes: true,
	},
	"refundQuery": {
		data: `{"outRefundNo":"%[1]s"}`, answer: `{"outRefundNo":"%[1]s","refundTradeNo":"R1","status":"REFUND_SUCCESS"}`,
		repeatable: true, echoes: true,
	},
}

// The callers, named by a header. The shop may make any call, up to a limit; the back office may
// only query.
const (
	shop       = "shop"
	backOffice = "back-office"
	maxAmount  = 50_000
)

// call is a request of an application.
type call struct {
	number   string
	endpoint string
	caller   string
	merchant *merchant
	data     string
	amount   int
	fault    *fault
	mistake  *mistake
	sending  func(header, body string) []string // splits the request into the pieces that are sent
	vanishes bool                               // the application hangs up once the request is sent

	// The result of the call.
	took     time.Duration
	response *response // nil if the connection ended without an answer
}

// response is the answer that an application gets.
type response struct {
	status int
	header http.Header
	body   string
}

func (c *call) isRepeatable() bool { return endpoints[c.endpoint].repeatable }
func (c *call) echoes() bool       { return endpoints[c.endpoint].echoes }

// success returns the gateway's answer if nothing is wrong.
func (c *call) success() string {
	return `{"code":"APPLY_SUCCESS","msg":"Success.","data":` + fmt.Sprintf(endpoints[c.endpoint].answer, c.number) + `}`
}

// String describes the call in failure messages.
func (c *call) String() string {
	said := fmt.Sprintf("%s %s of %s for %s, gateway: %s", c.number, c.endpoint, c.caller, c.merchant.name, c.fault.name)
	if c.mistake != nil {
		said += ", mistake: " + c.mistake.name
	}
	if c.vanishes {
		said += ", vanishes"
	}
	return said
}

// mistake is an error that an application makes. A call with a mistake must not be sent to the
// gateway.
type mistake struct {
	name   string
	status int
	code   string
	make   func(*request)
	fits   func(*call) bool // nil if it fits every call
}

// request is what an application sends.
type request struct {
	method, path, caller, shop, contentType, body string
}

func hasAmount(c *call) bool { return endpoints[c.endpoint].hasAmount }

// mistakes lists all mistakes, in the order in which the sidecar checks for them.
var mistakes = []mistake{
	{"GET", 405, "METHOD_NOT_ALLOWED", func(r *request) { r.method = "GET" }, nil},
	{"no endpoint", 404, "NOT_FOUND", func(r *request) { r.path += "s" }, nil},
	{"the path of an endpoint, encoded", 404, "NOT_FOUND", func(r *request) { r.path = strings.Replace(r.path, "gateway", "%67ateway", 1) }, nil},
	{"not enabled", 403, "ENDPOINT_NOT_ENABLED", func(r *request) { r.path = pathPrefix + "paymentOrderPay" }, nil},
	{"query string", 400, "PARAMS_INVALID", func(r *request) { r.path += "?a=b" }, nil},
	{"stranger", 403, "CALLER_NOT_ALLOWED", func(r *request) { r.caller = "somebody" }, nil},
	{"nobody", 403, "CALLER_NOT_ALLOWED", func(r *request) { r.caller = "" }, nil},
	{"not for this caller", 403, "CALLER_NOT_ALLOWED", func(r *request) { r.caller = backOffice }, hasAmount},
	{"text", 415, "UNSUPPORTED_MEDIA_TYPE", func(r *request) { r.contentType = "text/plain" }, nil},
	{"too large", 413, "CONTENT_TOO_LARGE", func(r *request) { r.body += strings.Repeat(" ", 64<<10) }, nil},
	{"cut", 400, "PARAMS_INVALID", func(r *request) { r.body = r.body[:len(r.body)-1] }, nil},
	{"more after it", 400, "PARAMS_INVALID", func(r *request) { r.body += "{}" }, nil},
	{"two data", 400, "PARAMS_INVALID", func(r *request) { r.body = strings.Replace(r.body, "{", `{"data":{},`, 1) }, nil},
	{"reference", 400, "PARAMS_INVALID", func(r *request) { r.body = strings.Replace(r.body, `"data":{`, `"data":{"$ref":"$.x",`, 1) }, nil},
	{"own appId", 400, "PARAMS_INVALID", func(r *request) { r.body = strings.Replace(r.body, "{", `{"appId":"another",`, 1) }, nil},
	{"negative amount", 400, "PARAMS_INVALID", func(r *request) {
		r.body = strings.NewReplacer(`"totalAmount":`, `"totalAmount":-`, `"refundAmount":"`, `"refundAmount":"-`).Replace(r.body)
	}, hasAmount},
	{"no currency", 400, "PARAMS_INVALID", func(r *request) {
		r.body = strings.NewReplacer(`"currency":"IDR",`, "", `,"refundCurrency":"IDR"`, "").Replace(r.body)
	}, hasAmount},
	{"too much", 403, "AMOUNT_LIMIT_MAXIMUM", func(r *request) {
		r.body = strings.NewReplacer(`"totalAmount":`, `"totalAmount":9`, `"refundAmount":"`, `"refundAmount":"9`).Replace(r.body)
	}, hasAmount},
}

// drawCall draws a call of one of the merchants.
func (w *world) drawCall(t *rapid.T) *call {
	c := &call{
		endpoint: rapid.SampledFrom([]string{session, "orderAndPay", "orderQuery", "refund", "refundQuery"}).Draw(t, "endpoint"),
		merchant: w.drawMerchant(t),
		amount:   rapid.IntRange(10_000, maxAmount).Draw(t, "amount"),
		caller:   shop,
	}
	if c.isRepeatable() && !hasAmount(c) && rapid.Bool().Draw(t, "back office") {
		c.caller = backOffice
	}
	w.name(c)
	c.fault = &faults[rapid.SampledFrom(faultWeights).Draw(t, "fault")]
	if rapid.IntRange(0, 3).Draw(t, "mistaken") == 3 {
		fitting := make([]*mistake, 0, len(mistakes))
		for i := range mistakes {
			if m := &mistakes[i]; m.fits == nil || m.fits(c) {
				fitting = append(fitting, m)
			}
		}
		c.mistake = fitting[rapid.IntRange(0, len(fitting)-1).Draw(t, "mistake")]
	}
	c.sending = sendings[rapid.IntRange(0, len(sendings)-1).Draw(t, "sending")]
	c.vanishes = rapid.IntRange(0, 9).Draw(t, "vanishes") == 9
	return c
}

// name gives the call a unique number.
func (w *world) name(c *call) {
	w.lastCall++
	c.number = fmt.Sprintf("model_%d_", w.lastCall)
	c.data = fmt.Sprintf(endpoints[c.endpoint].data, c.number, c.amount)
}

// faultWeights are indexes of faults. The first fault occurs as often as all others together.
var faultWeights = func() []int {
	weights := make([]int, 0, 2*len(faults))
	for i := range faults {
		weights = append(weights, i, 0)
	}
	return weights
}()

// sendings are the ways to send a request: as a whole, in pieces, or in chunks.
var sendings = []func(header, body string) []string{
	func(header, body string) []string {
		return []string{fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", header, len(body), body)}
	},
	func(header, body string) []string {
		return []string{fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", header, len(body), body[:len(body)/2]), body[len(body)/2:]}
	},
	func(header, body string) []string {
		half := len(body) / 2
		return []string{header + "Transfer-Encoding: chunked\r\n\r\n" + chunk(body[:half]), chunk(body[half:]) + "0\r\nSign: AAAA\r\n\r\n"}
	},
}

// betweenPieces is how long an application pauses between pieces, so that something may happen
// meanwhile.
const betweenPieces = 20 * time.Millisecond

func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }

// make sends the call over a new connection, and waits for the result.
func (c *call) make(address string) {
	r := &request{"POST", pathPrefix + c.endpoint, c.caller, c.merchant.name, "application/json", `{"data":` + c.data + `}`}
	if c.mistake != nil {
		c.mistake.make(r)
	}
	began := time.Now()
	defer func() { c.took = time.Since(began) }()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	header := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: sidecar.example\r\nConnection: close\r\nContent-Type: %s\r\nX-Caller: %s\r\nX-Shop: %s\r\nCookie: a=b\r\n",
		r.method, r.path, r.contentType, r.caller, r.shop)
	for i, piece := range c.sending(header, r.body) {
		if i > 0 {
			time.Sleep(betweenPieces)
		}
		if _, err := io.WriteString(conn, piece); err != nil {
			break // the server may have answered and closed before it has read everything
		}
	}
	if c.vanishes {
		return
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return
	}
	c.response = &response{res.StatusCode, res.Header, string(body)}
}
