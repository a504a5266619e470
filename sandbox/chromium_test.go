package sandbox

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// browser is a headless Chromium, driven by the WebDriver protocol.
type browser struct {
	t       *testing.T
	session string
}

// newBrowser starts Chromium, or skips the test.
func newBrowser(t *testing.T, options ...string) *browser {
	t.Helper()
	testtool.Find(t, "chromium")
	driver := testtool.Find(t, "chromedriver")
	command := exec.Command(driver, "--port=0")
	command.Env = append(os.Environ(), "HOME="+t.TempDir())
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})

	// The last line that chromedriver prints before it listens names its port.
	port := ""
	for lines := bufio.NewScanner(output); port == "" && lines.Scan(); {
		if _, after, found := strings.Cut(lines.Text(), "started successfully on port "); found {
			port = strings.TrimSuffix(after, ".")
		}
	}
	require.NotEmpty(t, port)

	b := &browser{t: t, session: "http://127.0.0.1:" + port + "/session"}
	arguments := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
		"--user-data-dir=" + t.TempDir(),
	}, options...)
	var opened struct {
		SessionID string `json:"sessionId"`
	}
	b.command(http.MethodPost, "", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:chromeOptions": map[string]any{"args": arguments},
		"goog:loggingPrefs":  map[string]string{"browser": "ALL"},
	}}}, &opened)
	b.session += "/" + opened.SessionID
	// Before the driver is ended, which would leave the browser behind.
	t.Cleanup(func() { b.command(http.MethodDelete, "", nil, nil) })
	return b
}

// command sends one command to the driver.
func (b *browser) command(method, path string, body, value any) {
	b.t.Helper()
	var content io.Reader // none for the methods without a body
	if method == http.MethodPost {
		raw, err := json.Marshal(body)
		require.NoError(b.t, err)
		content = bytes.NewReader(raw)
	}
	r, err := http.NewRequest(method, b.session+path, content)
	require.NoError(b.t, err)
	client := &http.Client{Timeout: time.Minute}
	resp, err := client.Do(r)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, resp.StatusCode, "%s", answer)
	if value != nil {
		require.NoError(b.t, json.Unmarshal(answer, &struct {
			Value any `json:"value"`
		}{value}))
	}
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.command(http.MethodPost, "/url", map[string]string{"url": url}, nil)
}

// run evaluates JavaScript in the page.
func (b *browser) run(script string) any {
	b.t.Helper()
	var value any
	b.command(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": []any{}}, &value)
	return value
}

// waitFor waits until JavaScript in the page is true.
func (b *browser) waitFor(script string) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if b.run("return "+script) == true {
			return
		}
	}
	b.t.Fatalf("%s never came true; the page is\n%v", script, b.run("return document.body.innerText"))
}

// complaints are what the console shows, violations of the page's policy among them.
func (b *browser) complaints() []any {
	b.t.Helper()
	var entries []any
	b.command(http.MethodPost, "/se/log", map[string]string{"type": "browser"}, &entries)
	return entries
}

func (b *browser) screenshot() []byte {
	b.t.Helper()
	var text string
	b.command(http.MethodGet, "/screenshot", nil, &text)
	image, err := base64.StdEncoding.DecodeString(text)
	require.NoError(b.t, err)
	return image
}

// The page shows a call and a notification that come later, without a reload; what was opened stays open, what is
// hostile stays text, and the policy lets the page do all it needs.
func TestPageUpdatesItself(t *testing.T) {
	g := closing(t, newGateway(t))
	server := httptest.NewServer(g)
	defer server.Close()
	b := newBrowser(t, "--window-size=1280,900")

	b.open(server.URL + "/sandbox/")
	b.waitFor(`document.getElementById("state").textContent === "live"`)
	assert.Equal(t, true, b.run(`return document.body.innerText.includes("None yet.")`))
	b.run(`window.sameDocument = true`)

	serve(g, newRequest(validBody, signWith(t, testkeys.Merchant(), validBody)))
	b.waitFor(`document.querySelectorAll("#live tbody th").length === 1`)
	assert.Equal(t, "applyDropinSession", b.run(`return document.querySelector("#live tbody th").textContent`))
	assert.Equal(t, "rgb(224, 244, 232)", b.run(`return getComputedStyle(document.querySelector(".good")).backgroundColor`),
		"the style applies")

	b.run(`document.querySelector("#call-1 summary").focus(); document.querySelector("#call-1").open = true`)
	assert.Equal(t, validBody, b.run(`return document.querySelector("#call-1 pre").textContent`))

	s := newShop(t)
	pay(t, g, fields{"notifyUrl": s.URL})
	hostileBody := strings.Replace(validBody, "U10001", `</pre><script>window.hacked = true</script><img src=x onerror=\"window.hacked = true\">`, 1)
	serve(g, newRequest(hostileBody, signWith(t, testkeys.Merchant(), hostileBody)))
	b.waitFor(`document.getElementById("live").innerText.includes("delivered")`)
	b.waitFor(`document.querySelector("#call-4") !== null`)
	assert.Equal(t, true, b.run(`return document.querySelector("#call-1").open && !document.querySelector("#call-2").open`))
	assert.Equal(t, true, b.run(`return document.activeElement === document.querySelector("#call-1 summary")`))
	assert.Equal(t, hostileBody, b.run(`return document.querySelector("#call-4 pre").textContent`))
	assert.Equal(t, true, b.run(`return window.sameDocument && !window.hacked`))
	assert.Empty(t, b.complaints())

	server.Close()
	b.waitFor(`document.getElementById("state").textContent === "the sandbox does not answer"`)
}

// Without JavaScript the page reloads itself.
func TestPageWithoutScript(t *testing.T) {
	g := closing(t, newGateway(t))
	server := httptest.NewServer(g)
	defer server.Close()
	b := newBrowser(t, "--blink-settings=scriptEnabled=false")
	b.open(server.URL + "/sandbox/")
	source := func() (html string) {
		b.command(http.MethodGet, "/source", nil, &html)
		return html
	}
	assert.Contains(t, source(), "None yet.")
	serve(g, newRequest(validBody, signWith(t, testkeys.Merchant(), validBody)))
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(source(), "call-1"); time.Sleep(100 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "never reloaded")
	}
}

// TestScreenshot takes the picture in the documentation: a bad signature, a payment, a refund whose first notification
// fails, and a fault, by the real clock.
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
	b := newBrowser(t, "--window-size=1280,1560", "--hide-scrollbars")

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
	must(t, g, "orderQuery", `{"outTradeNo":"P1642410680682"}`)

	b.open(server.URL + "/sandbox/")
	b.waitFor(`document.getElementById("state").textContent === "live"`)
	b.run(`document.querySelector("#call-1").open = true`)
	require.NoError(t, os.WriteFile(path, b.screenshot(), 0o644))
}
