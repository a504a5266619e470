package sandbox

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The titles of the pages on which a buyer completes a payment.
const (
	challenge3DS     = "3DS challenge"
	challengeCashier = "Cashier"
)

// challengeStyle is the style sheet of the page, which loads nothing else.
const challengeStyle = "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:22rem;padding:0 1rem}" +
	"form{display:flex;gap:.75rem;margin-top:1.5rem}button{flex:1;font:inherit;padding:.75rem;border-radius:.5rem;" +
	"border:1px solid currentColor;background:none;color:inherit;cursor:pointer}button[value=SUCCESS]{font-weight:700}"

// popupParameter is the query parameter that create3DSPopup of a Drop-In component adds to the page's URL to show the
// page in an iframe. In the iframe, challengeScript tells the component that the buyer is done. Any page may receive
// that message, so it says nothing about the order.
const (
	popupParameter  = "popup"
	challengeScript = `parent.postMessage("3DS_PROCESSED", "*")`
)

// challengeTemplate is the page that a buyer sees: two buttons while the payment is pending, then the outcome.
var challengeTemplate = template.Must(template.New("challenge").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><main><h1>{{.Title}}</h1>
{{if .Pending}}<p>Order {{.Number}}: {{.Amount}} {{.Currency}}. This is a sandbox, and no money moves.</p>
<form method="post"><button name="result" value="SUCCESS"{{if not .Script}} autofocus{{end}}>{{.Confirm}}</button>
<button name="result" value="FAILED">Refuse</button></form>
{{else}}<p>Order {{.Number}} is {{.Status}}.</p>
{{with .Script}}<script>{{.}}</script>
{{end}}{{end}}</main></body>
</html>
`))

// serveChallenge serves the bank's page of a 3DS payment, or PayerMax's cashier. One button pays, the other refuses;
// the browser then returns to the shop's frontCallbackUrl, if the order has one. In a component's popup the page stays
// and notifies the component.
func (g *Gateway) serveChallenge(w http.ResponseWriter, r *http.Request, key string) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		controlError(w, http.StatusMethodNotAllowed, "the method is not allowed")
		return
	}
	ledger := &g.state().ledger
	o := ledger.challenge(key)
	if o == nil {
		controlError(w, http.StatusNotFound, "there is no such challenge")
		return
	}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
		status := r.PostFormValue("result")
		if status != statusSuccess && status != statusFailed {
			controlError(w, http.StatusBadRequest, "result must be SUCCESS or FAILED")
			return
		}
		ledger.settle(&o.progress, status, g.now())
		g.state().changed()
	}
	now, inPopup := snapshot(ledger, o), r.URL.Query().Has(popupParameter)
	if back := now.returnURL(); back != "" && now.status != statusPending && !inPopup {
		w.Header().Set("Location", back)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	g.renderChallenge(w, now, inPopup)
}

// renderChallenge writes the page for an order.
func (g *Gateway) renderChallenge(w http.ResponseWriter, o *order, inPopup bool) {
	var script template.JS
	if inPopup {
		script = challengeScript
	}
	confirm := "Confirm"
	if o.plan.challenge == challengeCashier {
		confirm = "Pay"
	}
	w.Header().Set("Content-Type", htmlType)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src "+sourceHash(challengeStyle)+
		"; script-src "+sourceHash(challengeScript)+"; base-uri 'none'")
	_ = challengeTemplate.Execute(w, map[string]any{
		"Title": o.plan.challenge, "Style": template.CSS(challengeStyle), "Script": script, "Confirm": confirm,
		"Pending": o.status == statusPending, "Status": o.status,
		"Number": o.outTradeNo, "Amount": number(o.amount).String(), "Currency": o.currency,
	})
}

// returnURL returns where the browser goes after the page, with the order's numbers and state in the query (page
// "pageReturn"), or "" if frontCallbackUrl leads neither to a website nor to an app. The state is only a hint: the
// notification and orderQuery are authoritative.
func (o *order) returnURL() string {
	u, err := url.Parse(o.frontURL)
	if err != nil || !leavesPage(u, o.frontURL) {
		return ""
	}
	told := url.Values{"outTradeNo": {o.outTradeNo}, "tradeToken": {o.tradeToken}, "status": {o.status}}.Encode()
	if u.RawQuery != "" {
		told = u.RawQuery + "&" + told
	}
	u.RawQuery = told
	if u.Host == "" && u.Path == "" {
		u.Opaque = "//" // String would drop the slashes of myapp://
	}
	return u.String()
}

// pageSchemes are the URL schemes that must not be followed, because a browser would stay on this page, run a script,
// or read a file.
var pageSchemes = []string{"", "javascript", "vbscript", "data", "blob", "filesystem", "file", "about", "view-source"}

// leavesPage reports whether a URL leads to a web host, or by a custom scheme to an app ("starts with http/https, or
// the scheme of an app", frontCallbackUrl on the page "orderAndPay").
func leavesPage(u *url.URL, text string) bool {
	if u.Scheme == "http" || u.Scheme == "https" {
		return u.Host != ""
	}
	return !slices.Contains(pageSchemes, u.Scheme) && strings.HasPrefix(text[len(u.Scheme):], "://")
}
