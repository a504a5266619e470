package sandbox

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// pageTemplate defines the whole page as "page" and the part of it that is updated as "live".
var pageTemplate = template.Must(template.New("").Parse(pageHTML))

// pagePolicy is the Content-Security-Policy of the page. It allows the page's own style and script, by their hashes,
// and what the script fetches, so that no content of a call or a notification can run or load anything.
var pagePolicy = "default-src 'none'; connect-src 'self'; img-src data:; style-src " + sourceHash(pageCSS) +
	"; script-src " + sourceHash(pageJS) + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func sourceHash(source string) string {
	digest := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
}

// pageView is the data of the templates.
type pageView struct {
	Style  template.CSS
	Script template.JS

	Version       string
	Orders        []orderRow
	Calls         []callView
	Notifications []notificationView
	Faults        []scheduledFault

	// Endings are the final states that a pending order can be settled with.
	Endings []ending

	// Endpoints and FaultExamples are the choices in the form that schedules a fault.
	Endpoints, FaultExamples []string
}

// ending is a final state of an order, and the label of its button.
type ending struct{ Status, Name string }

var endings = []ending{{statusSuccess, "Succeed"}, {statusFailed, "Fail"}, {statusClosed, "Close"}}

// maxOrderRows is how many orders the page shows.
const maxOrderRows = 20

// orderRow is an order as the page shows it.
type orderRow struct {
	ID                           int // in the page
	AppID, Number, Amount, State string

	// Challenge is the URL, relative to the page, where the buyer completes a pending payment, or "".
	Challenge string
}

// Look returns the colour of the order's state.
func (o orderRow) Look() string { return look(o.State) }

// Pending reports whether the order can still be settled.
func (o orderRow) Pending() bool { return o.State == statusPending }

// recentOrders returns the last maxOrderRows orders, newest first.
func (l *ledger) recentOrders(now time.Time) []orderRow {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := make([]orderRow, 0, maxOrderRows)
	for _, o := range l.orders.newest(maxOrderRows) {
		state, _, _ := o.state(now)
		row := orderRow{
			ID: len(rows) + 1, AppID: o.appID, Number: o.outTradeNo, Amount: number(o.amount).String() + " " + o.currency, State: state,
		}
		if row.Pending() && o.challengeKey != "" {
			row.Challenge = strings.TrimPrefix(challengePath, controlPath) + o.challengeKey
		}
		rows = append(rows, row)
	}
	return rows
}

// callView is a call as the page shows it.
type callView struct {
	callRecord
	Shown, AnswerShown payload
}

// notificationView is a notification as the page shows it.
type notificationView struct {
	notification
	Shown payload
}

// payload is a body that is shown byte for byte: as text if it is text, or else as a hex dump.
type payload struct {
	Text, SHA256 string
	Bytes        int
	Hex          bool
}

func show(raw []byte) payload {
	digest := sha256.Sum256(raw)
	p := payload{Text: string(raw), SHA256: hex.EncodeToString(digest[:]), Bytes: len(raw)}
	if !utf8.Valid(raw) {
		p.Text, p.Hex = hex.Dump(raw), true
	}
	return p
}

// Clock returns the time of day of a call, in UTC.
func (c callView) Clock() string { return c.Time.UTC().Format("15:04:05.000") }

// Merchant returns the merchant's number, or the appId if the call has no merchantNo.
func (c callView) Merchant() string {
	if c.MerchantNo != "" {
		return c.MerchantNo
	}
	return c.AppID
}

// Outcome returns the code of a call, or its HTTP status if it has no code.
func (c callView) Outcome() string {
	switch {
	case c.Code != "":
		return c.Code
	case c.Status == 0:
		return "connection reset"
	default:
		return fmt.Sprintf("%d %s", c.Status, http.StatusText(c.Status))
	}
}

// Good reports whether the call was accepted.
func (c callView) Good() bool { return c.Code == codeApplySuccess }

// StateLook returns the colour of the order's state in the answer.
func (c callView) StateLook() string { return look(c.State) }

// Look returns the colour of the answer. An accepted call is not shown as good if the payment has failed.
func (c callView) Look() string {
	switch {
	case !c.Good():
		return "bad"
	case c.StateLook() == "bad":
		return ""
	default:
		return "good"
	}
}

// StatusLook returns the colour of the state that a notification reports.
func (n notificationView) StatusLook() string { return look(n.Status) }

// Clock returns the time of day of a notification, in UTC.
func (n notificationView) Clock() string { return n.Time.UTC().Format("15:04:05.000") }

// Clock returns the time of day of an attempt, in UTC.
func (a attempt) Clock() string { return a.Time.UTC().Format("15:04:05.000") }

// Look returns the colour of a notification's delivery state.
func (n notificationView) Look() string {
	switch n.State {
	case notifyDelivered:
		return "good"
	case notifyPending:
		return "busy"
	default:
		return "bad"
	}
}

// view collects the data of the page.
func (w *world) view(now time.Time) pageView {
	v := pageView{
		Style: template.CSS(pageCSS), Script: template.JS(pageJS), Version: w.version(), Faults: w.waitingFaults(),
		Orders: w.ledger.recentOrders(now), Endpoints: slices.Sorted(maps.Keys(endpoints)), FaultExamples: faultExamples,
		Endings: endings,
	}
	for _, c := range w.recentCalls() {
		v.Calls = append(v.Calls, callView{c, show(c.Body), show(c.Answer)})
	}
	for _, n := range w.recentNotifications() {
		v.Notifications = append(v.Notifications, notificationView{n, show(n.Body)})
	}
	return v
}

// version returns an entity tag that changes whenever the content of the page does.
func (w *world) version() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("%q", fmt.Sprintf("%s.%d", w.name, w.changes))
}

// servePage serves the whole page.
func (g *Gateway) servePage(w http.ResponseWriter, _ *http.Request) {
	g.state().render(w, "page", g.now())
}

// serveLive serves the part that changes, unless it is the version that the script has already.
func (g *Gateway) serveLive(w http.ResponseWriter, r *http.Request) {
	state := g.state()
	if r.Header.Get("If-None-Match") == state.version() {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	state.render(w, "live", g.now())
}

// render writes one of the templates. The version is taken before the content, so that a change in between is fetched
// again rather than missed.
func (w *world) render(rw http.ResponseWriter, name string, now time.Time) {
	view := w.view(now)
	var page bytes.Buffer
	if err := pageTemplate.ExecuteTemplate(&page, name, view); err != nil {
		controlError(rw, http.StatusInternalServerError, err.Error())
		return
	}
	header := rw.Header()
	header.Set("Content-Type", htmlType)
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("ETag", view.Version)
	_, _ = rw.Write(page.Bytes())
}
