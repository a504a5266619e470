package sandbox

import (
	"html/template"
	"net/http"
	"net/url"
)

// challengeTemplate is what a buyer sees after the challenge, if there is no shop to go back to.
var challengeTemplate = template.Must(template.New("challenge").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>3DS challenge</title></head>
<body><main><h1>3DS challenge</h1><p>Order {{.Number}} is {{.Status}}.</p></main></body>
</html>
`))

// serveChallenge is the page of a bank in a payment with 3DS. Visiting it is all that there is to do: the payment
// succeeds, or fails with ?result=FAILED, unless it has expired. The browser then returns to the shop's
// frontCallbackUrl, if the order named one.
func (g *Gateway) serveChallenge(w http.ResponseWriter, r *http.Request, key string) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		controlError(w, http.StatusMethodNotAllowed, "the method is not allowed")
		return
	}
	ledger := &g.state().ledger
	o := ledger.challenge(key)
	if o == nil {
		controlError(w, http.StatusNotFound, "there is no such challenge")
		return
	}
	status := statusSuccess
	if r.URL.Query().Get("result") == statusFailed {
		status = statusFailed
	}
	ledger.settle(&o.progress, status, g.now())

	if u, err := url.Parse(o.frontURL); err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		w.Header().Set("Location", u.String())
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", htmlType)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	_ = challengeTemplate.Execute(w, struct{ Number, Status string }{o.outTradeNo, snapshot(ledger, o).status})
}
