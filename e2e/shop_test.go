package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testbrowser"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// buyer is a buyer with a browser at the example shop.
type buyer struct {
	*testbrowser.Browser
	t             *testing.T
	shop, sandbox string
}

// inCard returns a JavaScript expression for an element of the card form.
func inCard(selector string) string {
	return fmt.Sprintf(`document.querySelector("#card > div").shadowRoot.querySelector(%q)`, selector)
}

// fillIn opens the checkout and fills in the test card for an outcome of the payment.
func (b *buyer) fillIn(outcome string) {
	b.t.Helper()
	b.Open(b.shop)
	b.refill(outcome)
}

// refill is like fillIn, for a form that is already open.
func (b *buyer) refill(outcome string) {
	b.t.Helper()
	b.WaitFor(`document.querySelector("#card > div")?.shadowRoot.querySelector("[name=fill]") != null`)
	b.Run(inCard("[name=simulate]") + `.value = "` + outcome + `"; ` + inCard("[name=fill]") + `.click()`)
	b.WaitFor(`!document.getElementById("pay").disabled`)
}

func (b *buyer) pay() { b.t.Helper(); b.Run(`document.getElementById("pay").click()`) }

// sees waits until the order's page shows the outcome, and the events from which the shop learnt
// it.
func (b *buyer) sees(outcome string, events ...string) {
	b.t.Helper()
	b.WaitFor(`location.pathname.startsWith("/orders/") && document.getElementById("outcome").textContent === "` + outcome + `"`)
	for _, event := range events {
		b.WaitFor(`document.getElementById("events").textContent.includes("` + event + `")`)
	}
}

// press presses a button on the bank's page, which is open over the checkout.
func (b *buyer) press(result string) {
	b.t.Helper()
	b.WaitFor(inCard("dialog") + ` != null`)
	b.EnterFrame(inCard("iframe"))
	b.WaitFor(`document.querySelector("button[value=` + result + `]") !== null`)
	b.Run(`document.querySelector("button[value=` + result + `]").click()`)
	b.Leave()
}

// control uses the sandbox's controls.
func (b *buyer) control(method, path, body string) {
	b.t.Helper()
	r, err := http.NewRequest(method, b.sandbox+path, strings.NewReader(body))
	require.NoError(b.t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(b.t, err)
	answer.Body.Close()
	require.Equal(b.t, http.StatusNoContent, answer.StatusCode)
}

// A browser goes through the checkout that payermax-demo --serve names: each payment ends as it
// should, and the shop learns the outcome from a notification, through payermax_notify.
func TestShop(t *testing.T) {
	t.Parallel()
	b := &buyer{Browser: testbrowser.New(t, "--window-size=800,900"), t: t}
	told := startDemo(t)
	b.shop = regexp.MustCompile(`(?m)^ +checkout +(\S+)`).FindStringSubmatch(told)[1]
	b.sandbox = regexp.MustCompile(`(?m)^ +live page +(\S+)`).FindStringSubmatch(told)[1]

	b.fillIn("")
	for scheme, end := range map[string]string{"light": ".png", "dark": "-dark.png"} {
		b.Prefer(scheme)
		b.WaitFor(`getComputedStyle(document.querySelector("#card > div")).colorScheme === "` + scheme + `"`)
		if path := os.Getenv("SHOP_SCREENSHOT"); path != "" {
			require.NoError(t, os.WriteFile(strings.TrimSuffix(path, ".png")+end, b.Screenshot(), 0o644))
		}
	}
	b.pay()
	b.sees("Paid. Thank you!", "SUCCESS (answer to the order)", "SUCCESS (notification)")

	b.fillIn("FAILED")
	b.pay()
	b.sees("The payment has failed", "FAILED (notification)")

	b.fillIn("3DS")
	b.pay()
	b.press("SUCCESS")
	b.sees("Paid. Thank you!", "PENDING (answer to the order)", "SUCCESS (notification)")

	b.fillIn("3DS")
	b.pay()
	b.press("FAILED")
	b.sees("The payment has failed", "FAILED (notification)")

	// A buyer who closes the bank's page can return to it from the order.
	b.fillIn("3DS")
	b.pay()
	b.WaitFor(inCard("dialog") + ` != null`)
	b.Run(inCard("dialog > button") + `.click()`)
	b.sees("We are waiting for your payment")
	b.WaitFor(`!document.getElementById("continue").hidden`)
	b.Run(`document.querySelector("#continue a").click()`)
	b.WaitFor(`document.querySelector("button[value=SUCCESS]") !== null`)
	b.Run(`document.querySelector("button[value=SUCCESS]").click()`)
	b.sees("Paid. Thank you!", "SUCCESS (notification)")

	// An expired session costs the buyer the card form, and nothing else.
	b.fillIn("")
	b.control(http.MethodDelete, "sessions", "")
	b.pay()
	b.WaitFor(`document.getElementById("notice").textContent.startsWith("Your checkout has expired")`)
	b.refill("")
	b.pay()
	b.sees("Paid. Thank you!", "SUCCESS (notification)")

	// If no order was made, the shop says so, and the buyer can try again.
	b.control(http.MethodPut, "faults", `{"endpoint":"orderAndPay","fault":"throttle"}`)
	b.fillIn("")
	b.pay()
	b.sees("The payment was not accepted, and nothing was charged", "REFUSED (PayerMax has made no order)")
	b.WaitFor(`document.getElementById("again").textContent === "Try again"`)

	// A lost answer and a lost notification: the shop asks, and there is one order.
	b.control(http.MethodPut, "faults", `{"endpoint":"orderAndPay","fault":"drop-notification,reset"}`)
	b.fillIn("")
	b.pay()
	b.sees("Paid. Thank you!", "PENDING (the answer was lost)", "SUCCESS (answer to a query)")
	assert.Empty(t, b.Complaints())
	assert.NotRegexp(t, `4444.?3333.?2222|3333.?2222.?1111`, get(t, b.sandbox+"calls"), "the card stays in the browser")
}

// startDemo runs payermax-demo --serve until the end of the test and returns its output.
func startDemo(t *testing.T) (told string) {
	t.Helper()
	cmd := caddyCommand(t, context.Background(), nil, "payermax-demo", "--serve", "--port", "0")
	demo := testprocess.Start(t, cmd)
	t.Cleanup(func() {
		demo.Signal(t, os.Interrupt)
		demo.Wait(t, patience)
		assert.Zero(t, demo.ExitCode())
	})
	demo.Await(t, "to invite the reader", func(soFar testprocess.Printed) bool {
		told = string(soFar)
		return soFar.Has("curl -i")
	})
	return told
}

// Run on its own, the shop starts, shows its page, and takes no notification at the address for
// buyers.
func TestShopServes(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "shop")
	mustRun(t, "go", "build", "-o", program, examplesFolder+"/shop/serve")
	address := func() string { return "127.0.0.1:" + strconv.Itoa(testnet.FreePort(t)) }
	buyers, callbacks := address(), address()
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "SHOP_ADDRESS="+buyers, "SHOP_CALLBACK_ADDRESS="+callbacks, "PAYERMAX_URL=http://127.0.0.1:9")
	testprocess.Start(t, cmd).AwaitServing(t, buyers, callbacks)
	assert.Contains(t, get(t, "http://"+buyers+"/"), "/sandbox/dropin/pmdropin.js")
	for url, status := range map[string]int{
		"http://" + buyers + "/payermax/callback": http.StatusNotFound,
		"http://" + buyers + "/checkout":          http.StatusBadGateway,
		"http://" + callbacks + "/":               http.StatusForbidden,
	} {
		answer, err := http.Post(url, "application/json", strings.NewReader("{}"))
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, status, answer.StatusCode, url)
	}
}
