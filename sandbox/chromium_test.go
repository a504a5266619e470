package sandbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testbrowser"
	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

// The page shows later calls and notifications without a reload; opened details stay open, hostile content stays text,
// and the policy lets the page do everything it needs.
func TestPageUpdatesItself(t *testing.T) {
	g := closing(t, newGateway(t))
	server := httptest.NewServer(g)
	defer server.Close()
	b := testbrowser.New(t, "--window-size=1280,900")

	b.Open(server.URL + "/sandbox/")
	b.WaitFor(`document.getElementById("state").textContent === "live"`)
	assert.Equal(t, true, b.Run(`return document.body.innerText.includes("None yet.")`))
	b.Run(`window.sameDocument = true`)

	serve(g, newRequest(validBody, signWith(t, testkeys.Merchant(), validBody)))
	b.WaitFor(`document.querySelectorAll("#live tbody th").length === 1`)
	assert.Equal(t, "applyDropinSession", b.Run(`return document.querySelector("#live tbody th").textContent`))
	assert.Equal(t, "rgb(224, 244, 232)", b.Run(`return getComputedStyle(document.querySelector(".good")).backgroundColor`),
		"the style applies")

	b.Run(`document.querySelector("#call-1 summary").focus(); document.querySelector("#call-1").open = true`)
	assert.Equal(t, validBody, b.Run(`return document.querySelector("#call-1 pre").textContent`))

	s := newShop(t)
	pay(t, g, fields{"notifyUrl": s.URL})
	hostileBody := strings.Replace(validBody, "U10001", `</pre><script>window.hacked = true</script><img src=x onerror=\"window.hacked = true\">`, 1)
	serve(g, newRequest(hostileBody, signWith(t, testkeys.Merchant(), hostileBody)))
	b.WaitFor(`document.getElementById("live").innerText.includes("delivered")`)
	b.WaitFor(`document.querySelector("#call-4") !== null`)
	assert.Equal(t, true, b.Run(`return document.querySelector("#call-1").open && !document.querySelector("#call-2").open`))
	assert.Equal(t, true, b.Run(`return document.activeElement === document.querySelector("#call-1 summary")`))
	assert.Equal(t, hostileBody, b.Run(`return document.querySelector("#call-4 pre").textContent`))
	assert.Equal(t, true, b.Run(`return window.sameDocument && !window.hacked`))
	assert.Empty(t, b.Complaints())

	server.Close()
	b.WaitFor(`document.getElementById("state").textContent === "the sandbox does not answer"`)
}

// The page can settle an order, schedule a fault and reset the sandbox, also by keyboard.
func TestPageControls(t *testing.T) {
	g := closing(t, newGateway(t))
	server := httptest.NewServer(g)
	defer server.Close()
	pay(t, g, fields{"subject": "3DS"})
	b := testbrowser.New(t)
	b.Open(server.URL + "/sandbox/")
	b.WaitFor(`document.getElementById("state").textContent === "live"`)

	b.Run(`document.getElementById("settle-1-FAILED").focus(); document.activeElement.click()`)
	b.WaitFor(`document.getElementById("said").textContent === "P1642410680681 is FAILED"`)
	assert.Equal(t, "FAILED", orderStatus(t, g))
	b.WaitFor(`document.activeElement.id === "orders"`)
	b.WaitFor(`document.getElementById("settle-1-FAILED") === null`)

	b.Run(`
		const form = document.getElementById("fault");
		form.elements.endpoint.value = "orderQuery";
		form.elements.fault.value = "code=SYSTEM_ERROR";
		form.requestSubmit()`)
	b.WaitFor(`document.getElementById("said").textContent === "fault added: code=SYSTEM_ERROR"`)
	b.WaitFor(`document.querySelector("#live li")?.textContent === "code=SYSTEM_ERROR for orderQuery, 1 more time"`)
	assert.Equal(t, "SYSTEM_ERROR", call(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`).Code)

	b.Run(`document.querySelector("[data-path=faults]").click()`)
	b.WaitFor(`document.getElementById("said").textContent === "no faults pending"`)

	session := openSession(t, g)
	b.Run(`document.querySelector("[data-path=sessions]").click()`)
	b.WaitFor(`document.getElementById("said").textContent === "all sessions have ended"`)
	assert.Equal(t, "PARAMS_INVALID", call(t, g, "orderAndPay", orderFields(session).with(fields{"outTradeNo": "P2"}).String()).Code)

	b.Run(`document.querySelector("[data-path=reset]").click()`)
	b.WaitFor(`document.getElementById("said").textContent === "reset"`)
	b.WaitFor(`document.body.innerText.includes("None yet.")`)
	assert.Empty(t, g.state().recentCalls())
	assert.Empty(t, b.Complaints())
}

// On a phone nothing is wider than the window, and the controls are large enough for a finger.
func TestPageOnAPhone(t *testing.T) {
	g := closing(t, newGateway(t))
	server := httptest.NewServer(g)
	defer server.Close()
	s := newShop(t)
	pay(t, g, fields{"subject": "3DS", "notifyUrl": s.URL, "outTradeNo": strings.Repeat("P", 64)})
	serve(g, newRequest(validBody, signWith(t, testkeys.Stranger(), validBody)))
	b := testbrowser.New(t)
	onAPhone(b)
	b.Open(server.URL + "/sandbox/")
	b.WaitFor(`document.getElementById("state").textContent === "live"`)
	assert.EqualValues(t, 390, b.Run(`return innerWidth`))
	assert.Equal(t, true, b.Run(`return document.documentElement.scrollWidth <= innerWidth`))
	assert.Equal(t, []any{}, b.Run(`return [...document.querySelectorAll("button, select, input")].filter(e => e.getBoundingClientRect().height < 40).map(e => e.outerHTML)`))
	b.Prefer("dark")
	assert.Equal(t, "rgb(17, 21, 27)", b.Run(`return getComputedStyle(document.body).backgroundColor`))
}

// onAPhone gives the window the size of a phone.
func onAPhone(b *testbrowser.Browser) { resize(b, 390, 844, true) }

// resize sets the size of the window.
func resize(b *testbrowser.Browser, width, height int, mobile bool) {
	b.Command(http.MethodPost, "/goog/cdp/execute", map[string]any{"cmd": "Emulation.setDeviceMetricsOverride", "params": map[string]any{
		"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile,
	}}, nil)
}

// Without JavaScript the page reloads itself.
func TestPageWithoutScript(t *testing.T) {
	g := closing(t, newGateway(t))
	server := httptest.NewServer(g)
	defer server.Close()
	b := testbrowser.New(t, "--blink-settings=scriptEnabled=false")
	b.Open(server.URL + "/sandbox/")
	source := func() (html string) {
		b.Command(http.MethodGet, "/source", nil, &html)
		return html
	}
	assert.Contains(t, source(), "None yet.")
	serve(g, newRequest(validBody, signWith(t, testkeys.Merchant(), validBody)))
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(source(), "call-1"); time.Sleep(100 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "never reloaded")
	}
}

// TestScreenshot takes the documentation's screenshots, of desktop and phone, light and dark: a bad signature, a
// payment, a refund whose first notification fails, and a fault, by the real clock.
func TestScreenshot(t *testing.T) {
	path := os.Getenv("SANDBOX_SCREENSHOT")
	if path == "" {
		t.Skip("set SANDBOX_SCREENSHOT to the path of a PNG file to take a picture of the page")
	}
	g := closing(t, newGateway(t))
	g.Clock, g.TimeScale = nil, 100
	s := newShop(t)
	s.answer = func(w http.ResponseWriter, n int) {
		if n == 2 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = fmt.Fprint(w, `{"code":"SUCCESS","msg":"Success"}`)
	}
	server := httptest.NewServer(g)
	defer server.Close()
	b := testbrowser.New(t, "--hide-scrollbars")

	body := callRequest(t, g, "applyDropinSession", validData)
	body.Header.Set("sign", signWith(t, testkeys.Stranger(), "x"))
	serve(g, body)
	pay(t, g, fields{"notifyUrl": s.URL + "/payermax/notify"})
	sent(t, g, 1)
	time.Sleep(700 * time.Millisecond)
	must(t, g, "orderQuery", `{"outTradeNo":"P1642410680681"}`)
	must(t, g, "refund", refundFields(15000).with(fields{"refundNotifyUrl": s.URL + "/payermax/notify"}).String())
	sent(t, g, 2)
	sendControl(g, http.MethodPut, "faults", `{"endpoint":"orderAndPay","fault":"wrong-signature"}`)
	failing := fields{"outTradeNo": "P1642410680682", "subject": "FAILED", "notifyUrl": s.URL + "/payermax/notify"}
	serve(g, callRequest(t, g, "orderAndPay", orderFields(openSession(t, g)).with(failing).String()))
	sent(t, g, 3)
	sendControl(g, http.MethodPut, "faults", `{"endpoint":"refund","fault":"latency=2s, reset","times":3}`)
	serve(g, callRequest(t, g, "orderAndPay", orderFields(openSession(t, g)).with(fields{"outTradeNo": "P1642410680683", "subject": "3DS"}).String()))
	must(t, g, "orderQuery", `{"outTradeNo":"P1642410680682"}`)

	// take ends the screenshot just below the element last, so that no element is cut off.
	take := func(name string, width int, mobile bool, last string) {
		resize(b, width, 844, mobile)
		b.Prefer("light")
		b.Open(server.URL + "/sandbox/")
		b.WaitFor(`document.getElementById("state").textContent === "live"`)
		bottom, isNumber := b.Run(`return Math.ceil(document.querySelector("` + last + `").getBoundingClientRect().bottom) + 8`).(float64)
		require.True(t, isNumber)
		resize(b, width, int(bottom), mobile)
		for scheme, suffix := range map[string]string{"light": ".png", "dark": "-dark.png"} {
			b.Prefer(scheme)
			require.NoError(t, os.WriteFile(name+suffix, b.Screenshot(), 0o644))
		}
	}
	name := strings.TrimSuffix(path, ".png")
	take(name, 1280, false, "section[aria-labelledby=calls] table")
	take(name+"-phone", 390, true, "section[aria-labelledby=orders] tbody tr")
}
