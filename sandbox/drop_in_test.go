package sandbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/testbrowser"
)

// The stand-in is served to any shop's page, even with NoControl, and can only be read.
func TestDropInScript(t *testing.T) {
	g := newGateway(t)
	g.NoControl = true
	w := sendControl(g, http.MethodGet, "dropin/pmdropin.js", "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "cross-origin", w.Header().Get("Cross-Origin-Resource-Policy"))
	assert.Contains(t, w.Body.String(), "PMdropin")
	assert.NotContains(t, w.Body.String(), "http", "it speaks to the sandbox alone")
	assert.Equal(t, http.StatusMethodNotAllowed, sendControl(g, http.MethodPost, "dropin/pmdropin.js", "").Code)
}

// shopPage serves a shop's page, whose policy allows only the sandbox's script.
func shopPage(t *testing.T, sandbox, clientKey, sessionKey string) string {
	t.Helper()
	script := fmt.Sprintf(`
		window.seen = [];
		window.make = (name, options) => {
			const made = PMdropin.create(name, {clientKey: %q, sessionKey: %q, sandbox: true, ...options});
			for (const event of ["load", "ready", "form-check", "payButtonClick"]) made.on(event, value => seen.push([event, value]));
			made.mount("#place");
			return made;
		};`, clientKey, sessionKey)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; script-src 'self' "+sandbox+
				"; connect-src "+sandbox+"; frame-src "+sandbox+"; require-trusted-types-for 'script'")
			_, _ = fmt.Fprintf(w, `<!DOCTYPE html><link rel="icon" href="data:,"><div id="place"></div><script src="%s/sandbox/dropin/pmdropin.js"></script><script src="/shop.js"></script>`, sandbox)
		case "/shop.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(script))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const inForm = `document.querySelector("#place > div").shadowRoot.querySelector(%q)`

// A card is checked in the browser, and only a valid one gets a token, which pays one order.
func TestDropInCard(t *testing.T) {
	g := closing(t, newGateway(t))
	server := httptest.NewServer(g)
	defer server.Close()
	client, session := keysOfSession(t, g, true)
	b := testbrowser.New(t)
	b.Open(shopPage(t, server.URL, client, session))

	b.Run(`window.card = make("card")`)
	b.WaitFor(`seen.some(([event]) => event === "ready")`)
	assert.Equal(t, []any{"form-check", "load", "ready"}, b.Run(`return seen.map(([event]) => event)`))
	assert.Equal(t, "SUCCESS", b.Run(`return seen[1][1].code`))
	assert.Equal(t, "UNKNOWN_ISSUE", b.Run(`return card.emit("canMakePayment").then(res => res.code)`), "nothing is filled in")

	fill := func(number, expiry, cvv, name string) any {
		return b.Run(fmt.Sprintf(`
			const form = `+inForm+`, seenBefore = seen.length;
			for (const [name, value] of Object.entries({number: %q, expiry: %q, cvv: %q, name: %q})) {
				const input = form.elements[name];
				input.value = value;
				input.dispatchEvent(new Event("input", {bubbles: true}));
			}
			return seen.at(-1)[1].isFormValid`, "fieldset", number, expiry, cvv, name))
	}
	assert.Equal(t, true, fill("4444 3333-22221111", "12/99", "123", "James Smith"))
	for _, card := range [][4]string{
		{"4444333322221112", "12/99", "123", "J"}, {"4444", "12/99", "123", "J"}, {"4444333322221111", "13/99", "123", "J"},
		{"4444333322221111", "01/20", "123", "J"}, {"4444333322221111", "12/99", "12", "J"}, {"4444333322221111", "12/99", "123", " "},
	} {
		assert.Equal(t, false, fill(card[0], card[1], card[2], card[3]), card)
	}

	b.Run(fmt.Sprintf(inForm, "[name=fill]") + `.click()`)
	b.Run(`card.emit("setDisabled", true)`)
	assert.Equal(t, true, b.Run("return "+fmt.Sprintf(inForm, "fieldset")+".disabled"))
	b.Run(fmt.Sprintf(inForm, "[name=simulate]") + `.value = "FAILED"`)
	answer := b.Run(`return card.emit("canMakePayment")`).(map[string]any)
	assert.Equal(t, "APPLY_SUCCESS", answer["code"])
	data := answer["data"].(map[string]any)
	assert.Equal(t, true, data["agreementAccepted"])
	assert.Equal(t, "444433****1111", data["maskCardNumber"])
	res := paid(t, g, "P1", session, data["paymentToken"].(string), nil)
	assert.Contains(t, string(res.Data), `"status":"FAILED"`)
	b.Run(`card.emit("setDisabled", false)`)
	assert.Equal(t, false, b.Run("return "+fmt.Sprintf(inForm, "fieldset")+".disabled"))

	// The keys are checked against the ledger: with an expired session or a wrong key, no form opens and no token is
	// issued.
	sendControl(g, http.MethodDelete, "sessions", "")
	assert.Equal(t, "PARAMS_INVALID", b.Run(`return card.emit("canMakePayment").then(res => res.code)`))
	b.Run(`card.unmount(); seen.length = 0; make("card", {clientKey: "x"})`)
	b.WaitFor(`seen.length === 1`)
	assert.Equal(t, "PARAMS_INVALID", b.Run(`return seen[0][1].code`))
	assert.Contains(t, b.Run("return "+fmt.Sprintf(inForm, "[role=alert]")+".textContent"), "could not be loaded")
	assert.Empty(t, b.Complaints(), "the shop's policy lets it do all it needs")
}

// A wallet pays with its own button.
func TestDropInWallet(t *testing.T) {
	g := closing(t, newGateway(t))
	server := httptest.NewServer(g)
	defer server.Close()
	client, session := keysOfSession(t, g, false)
	b := testbrowser.New(t)
	b.Open(shopPage(t, server.URL, client, session))
	for _, name := range []string{"googlepay", "applepay"} {
		b.Run(`seen.length = 0; window.wallet?.unmount(); window.wallet = make("` + name + `")`)
		b.WaitFor(`seen.some(([event]) => event === "ready")`)
		assert.Equal(t, "UNKNOWN_ISSUE", b.Run(`return wallet.emit("canMakePayment").then(res => res.code)`), "nobody has clicked")
		b.Run(fmt.Sprintf(inForm, "[name=pay]") + `.click()`)
		assert.Equal(t, "payButtonClick", b.Run(`return seen.at(-1)[0]`))
		assert.Regexp(t, "^CPT", b.Run(`return wallet.emit("canMakePayment").then(res => res.data.paymentToken)`))
		b.Run(fmt.Sprintf(inForm, "[name=pay]") + `.click()`)
		assert.Equal(t, "AMOUNT_INVALID", b.Run(`return wallet.emit("canMakePayment", {totalAmount: "1.234"}).then(res => res.code)`))
	}
	assert.Regexp(t, "no component", b.Run(`try { make("cash") } catch (e) { return e.message }`))
	assert.Regexp(t, "required", b.Run(`try { make("card", {sessionKey: ""}) } catch (e) { return e.message }`))
}

// The popup reports that the buyer is done or has closed it, and leaves the shop's page open.
func TestDropInPopup(t *testing.T) {
	g := closing(t, newGateway(t))
	server := httptest.NewServer(g)
	defer server.Close()
	client, session := keysOfSession(t, g, false)
	b := testbrowser.New(t)
	b.Open(shopPage(t, server.URL, client, session))
	order := pay(t, g, fields{"subject": "3DS", "frontCallbackUrl": "http://shop.example/thanks"})
	address := strings.Replace(order["redirectUrl"].(string), "http://example.com", server.URL, 1)
	b.Run(`window.card = make("card"); window.open3DS = () => { window.result = null; card.create3DSPopup({url: "` + address + `"}).then(res => window.result = res.code) }`)
	b.WaitFor(`seen.some(([event]) => event === "ready")`)

	// A final order has no redirectUrl; a promise that never settles would hide that.
	for _, options := range []string{"", "{}", "{url: undefined}", "{url: ''}", "{url: '/3ds'}", "{url: 'javascript:1'}", "'" + address + "'"} {
		said := b.Run(`return card.create3DSPopup(` + options + `).then(() => "opened", e => e.name + ": " + e.message)`)
		assert.Equal(t, "TypeError: PMdropin.create3DSPopup: url is required, the redirectUrl of an order", said, options)
	}
	assert.Equal(t, true, b.Run("return "+fmt.Sprintf(inForm, "dialog")+" === null"))

	b.Run(`open3DS()`)
	b.WaitFor(fmt.Sprintf(inForm, "dialog") + `.open`)
	b.Run(fmt.Sprintf(inForm, "dialog > button") + `.click()`)
	b.WaitFor(`result === "USER_CANCEL"`)
	assert.Equal(t, "PENDING", orderStatus(t, g))

	b.Run(`open3DS()`)
	b.EnterFrame(fmt.Sprintf(inForm, "iframe"))
	b.WaitFor(`document.querySelectorAll("button").length === 2`)
	b.Run(`document.querySelector("button[value=FAILED]").click()`)
	b.Leave()
	b.WaitFor(`result === "3DS_PROCESSED"`)
	assert.Equal(t, "FAILED", orderStatus(t, g))
	assert.Equal(t, true, b.Run("return "+fmt.Sprintf(inForm, "dialog")+" === null"))
	assert.Empty(t, b.Complaints())
}
