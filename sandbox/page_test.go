package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

const hostile = `</pre></details><script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="alert(1)`

func TestPage(t *testing.T) {
	g := closing(t, newGateway(t))
	s := newShop(t)
	pay(t, g, fields{"notifyUrl": s.URL})
	sent(t, g, 1)
	serve(g, newRequest(validBody, signWith(t, testkeys.Stranger(), validBody)))
	sendControl(g, http.MethodPut, "faults", `{"endpoint":"refund","fault":"truncate","times":2}`)

	w := sendControl(g, http.MethodGet, "", "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	page := w.Body.String()
	for _, want := range []string{
		`<html lang="en">`, `<title>PayerMax sandbox</title>`, `<noscript><meta http-equiv="refresh" content="2"></noscript>`,
		"Test data, kept in memory: no call reaches PayerMax",
		`<th scope="row">orderAndPay</th>`, `<th scope="row">applyDropinSession</th>`, `<td class="number" data-label="Merchant">` + testMerchantNo + `</td>`,
		`<span class="tag good">verified</span>`, `<span class="tag bad">not verified</span>`,
		"the signature is not that of these bytes by the registered key",
		`<span class="tag good">APPLY_SUCCESS</span>`, `<span class="tag bad">SIGN_VERIFY_FAILED</span>`,
		`<th scope="row">PAYMENT</th>`, `<span class="tag good">delivered</span>`, "1 attempt to " + s.URL, "acknowledged",
		"<b>truncate</b> for refund, 2 more times", "09:05:52.194",
	} {
		assert.Contains(t, page, want)
	}
	assert.NotContains(t, strings.ToLower(page), "interface", "these are called endpoints")
	assert.NotContains(t, page, "http://cdn")
	assert.NotRegexp(t, `(?:src|href)="https?:`, page)
	assert.Equal(t, strings.Count(page, "<details id="), strings.Count(page, "<summary>"))

	empty := sendControl(newGateway(t), http.MethodGet, "", "").Body.String()
	assert.Equal(t, 2, strings.Count(empty, "None yet."))
}

// Each row names its order and the order's state, and a failed order does not look like a success.
func TestPageTellsOfOrders(t *testing.T) {
	g := closing(t, newGateway(t))
	s := newShop(t)
	pay(t, g, fields{"subject": "FAILED", "notifyUrl": s.URL})
	sent(t, g, 1)
	page := sendControl(g, http.MethodGet, "live", "").Body.String()
	assert.Contains(t, page, `<td data-label="Order">P1642410680681 <span class="tag bad">FAILED</span></td>`)
	assert.Contains(t, page, `<span class="tag ">APPLY_SUCCESS</span>`, "accepted, but nothing is good about it")
	assert.Contains(t, page, `<td data-label="Says"><span class="tag bad">FAILED</span></td>`)
	assert.Contains(t, page, `<td data-label="State"><span class="tag bad">FAILED</span></td>`)
	assert.Contains(t, page, "40000 IDR")
	assert.NotContains(t, page, `data-status="SUCCESS"`, "it is final")

	order := pay(t, g, fields{"outTradeNo": "P2", "subject": "3DS"})
	page = sendControl(g, http.MethodGet, "live", "").Body.String()
	assert.Contains(t, page, `href="`+strings.TrimPrefix(order["redirectUrl"].(string), "http://example.com/sandbox/")+`"`)
	for _, status := range []string{"SUCCESS", "FAILED", "CLOSED"} {
		assert.Contains(t, page, `data-number="P2" data-status="`+status+`"`)
	}
	assert.Less(t, strings.Index(page, `data-number="P2"`), strings.Index(page, ">P1642410680681</th>"), "newest first")
	pay(t, g, fields{"outTradeNo": "P3"})
	must(t, g, "refund", `{"outRefundNo":"R1","outTradeNo":"P3","refundAmount":"10000","refundCurrency":"IDR"}`)
	calls := sendControl(g, http.MethodGet, "calls", "").Body.String()
	assert.Contains(t, calls, `"number":"R1","state":"REFUND_FAILED"`)
	assert.Contains(t, calls, `"number":"P2","state":"PENDING"`)
}

// The page offers each fault, with valid syntax.
func TestFaultExamples(t *testing.T) {
	var named []string
	for _, example := range faultExamples {
		_, err := parseFaults(example)
		assert.NoError(t, err)
		name, _, _ := strings.Cut(example, "=")
		named = append(named, name)
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(faultKinds)), named)
}

func TestNewest(t *testing.T) {
	var s shelf[int]
	assert.Empty(t, s.newest(3))
	for i := range maxKept + 2 {
		s.put(strconv.Itoa(i), i)
	}
	assert.Equal(t, []int{maxKept + 1, maxKept, maxKept - 1}, s.newest(3))
	assert.Len(t, s.newest(2*maxKept), maxKept)
}

// A call's body is shown byte for byte and cannot break out of its element.
func TestPageEscapes(t *testing.T) {
	g := closing(t, newGateway(t))
	body := requestBody("1.5", `{"currency":"`+strings.ReplaceAll(hostile, `"`, `\"`)+`"}`)
	serve(g, newRequest(body, hostile))
	serve(g, newRequest(strings.Replace(body, testMerchantNo, "<i>x</i>", 1), signWith(t, testkeys.Merchant(), body)))
	serve(g, newRequest("\xff<script>"))
	pay(t, g, fields{"notifyUrl": "http://shop.example/" + hostile})
	sent(t, g, 1)

	w := sendControl(g, http.MethodGet, "live", "")
	page := w.Body.String()
	assert.NotContains(t, page, "<script")
	assert.NotContains(t, page, "<img")
	assert.NotContains(t, page, "<i>")
	assert.NotRegexp(t, `<[^>]*onmouseover`, page)
	assert.Contains(t, page, "&lt;script&gt;alert(1)&lt;/script&gt;")
	assert.Contains(t, page, "not UTF-8: shown as a hex dump")
	assert.Contains(t, page, "00000000  ff 3c 73 63 72 69 70 74")
	assert.NotContains(t, page, "ZgotmplZ")

	// The data is JSON, too, and a browser cannot take it for a page.
	data := sendControl(g, http.MethodGet, "calls", "")
	assert.True(t, json.Valid(data.Body.Bytes()))
	assert.NotContains(t, data.Body.String(), "<script>")
	assert.Equal(t, "nosniff", data.Header().Get("X-Content-Type-Options"))
}

// Only the page's own style and script are allowed, by their hashes as sent.
func TestPagePolicy(t *testing.T) {
	w := sendControl(newGateway(t), http.MethodGet, "", "")
	policy := w.Header().Get("Content-Security-Policy")
	assert.NotContains(t, policy, "unsafe")
	for _, tt := range []struct{ directive, element string }{{"script-src", "script"}, {"style-src", "style"}} {
		found := regexp.MustCompile(`(?s)<`+tt.element+`>(.*?)</`+tt.element+`>`).FindAllStringSubmatch(w.Body.String(), -1)
		require.Len(t, found, 1)
		digest := sha256.Sum256([]byte(found[0][1]))
		assert.Contains(t, policy, tt.directive+" 'sha256-"+base64.StdEncoding.EncodeToString(digest[:])+"';")
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
	} {
		assert.Equal(t, want, w.Header().Get(name), name)
	}
}

// The lists are sent to the script only when they have changed.
func TestLive(t *testing.T) {
	g := newGateway(t)
	look := func(version string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/sandbox/live", nil)
		r.Header.Set("If-None-Match", version)
		return serve(g, r)
	}
	first := look("")
	version := first.Header().Get("ETag")
	assert.Equal(t, http.StatusOK, first.Code)
	assert.NotContains(t, first.Body.String(), "<html")
	assert.Contains(t, sendControl(g, http.MethodGet, "", "").Body.String(),
		`data-version="`+strings.ReplaceAll(version, `"`, "&#34;")+`"`, "the page starts with it")

	assert.Equal(t, http.StatusNotModified, look(version).Code)
	serve(g, newRequest(validBody))
	second := look(version)
	assert.Equal(t, http.StatusOK, second.Code)
	assert.Contains(t, second.Body.String(), "there is no sign header")
	assert.NotEqual(t, version, second.Header().Get("ETag"))

	order := pay(t, closing(t, g), fields{"subject": "3DS"})
	third := look(second.Header().Get("ETag"))
	assert.Contains(t, third.Body.String(), ">PENDING<")
	visit(g, order, "FAILED")
	assert.Contains(t, look(third.Header().Get("ETag")).Body.String(), ">FAILED<", "no call has come, but the order has ended")

	sendControl(g, http.MethodPost, "reset", "")
	assert.Equal(t, http.StatusOK, look(second.Header().Get("ETag")).Code)
}

func TestOutcome(t *testing.T) {
	assert.Equal(t, "404 Not Found", callView{callRecord: callRecord{Status: 404}}.Outcome())
	assert.Equal(t, "connection reset", callView{}.Outcome())
	assert.Equal(t, "AMOUNT_INVALID", callView{callRecord: callRecord{Status: 200, Code: "AMOUNT_INVALID"}}.Outcome())
	assert.Equal(t, "app", callView{callRecord: callRecord{AppID: "app"}}.Merchant())
	for state, look := range map[string]string{
		notifyDelivered: "good", notifyPending: "busy", notifyGivenUp: "bad", notifyDropped: "bad",
	} {
		assert.Equal(t, look, notificationView{notification: notification{State: state}}.Look())
	}
}
