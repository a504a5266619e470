package sandbox

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
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

// pageTemplate has the page as "page" and the part of it that changes as "live".
var pageTemplate = template.Must(template.New("").Parse(pageHTML))

// pagePolicy allows the page its own style and script, by their hashes, and what the script fetches. Nothing that a call
// or a notification brings along can run or load anything.
var pagePolicy = "default-src 'none'; connect-src 'self'; img-src data:; style-src " + sourceHash(pageCSS) +
	"; script-src " + sourceHash(pageJS) + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func sourceHash(source string) string {
	digest := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
}

// pageView is what the templates show.
type pageView struct {
	Style  template.CSS
	Script template.JS

	Version       string
	Calls         []callView
	Notifications []notificationView
	Faults        []scheduledFault
}

// callView is a call in words.
type callView struct {
	callRecord
	Shown, AnswerShown payload
}

// notificationView is a notification in words.
type notificationView struct {
	notification
	Shown payload
}

// payload is a body that is shown to the byte: as it is if it is text, or else as a hex dump.
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

// Clock is the time of day of a call.
func (c callView) Clock() string { return c.Time.UTC().Format("15:04:05.000") }

// Merchant is the merchant's number, or the application that it was not named with.
func (c callView) Merchant() string {
	if c.MerchantNo != "" {
		return c.MerchantNo
	}
	return c.AppID
}

// Outcome is the code of a call, or the status of one that got none.
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

// Good says whether the call was accepted.
func (c callView) Good() bool { return c.Code == codeApplySuccess }

// Clock is the time of day of a notification.
func (n notificationView) Clock() string { return n.Time.UTC().Format("15:04:05.000") }

// Clock is the time of day of an attempt.
func (a attempt) Clock() string { return a.Time.UTC().Format("15:04:05.000") }

// Look is the colour that a notification's state is shown in, beside its name.
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

// view collects what the page shows.
func (w *world) view() pageView {
	v := pageView{Style: template.CSS(pageCSS), Script: template.JS(pageJS), Version: w.version(), Faults: w.waitingFaults()}
	for _, c := range w.recentCalls() {
		v.Calls = append(v.Calls, callView{c, show(c.Body), show(c.Answer)})
	}
	for _, n := range w.recentNotifications() {
		v.Notifications = append(v.Notifications, notificationView{n, show(n.Body)})
	}
	return v
}

// version is another one whenever the page would look different.
func (w *world) version() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("%q", fmt.Sprintf("%s.%d", w.name, w.changes))
}

// servePage answers with the whole page.
func (g *Gateway) servePage(w http.ResponseWriter, _ *http.Request) { g.state().render(w, "page") }

// serveLive answers with the part that changes, if it has changed since the script's last look.
func (g *Gateway) serveLive(w http.ResponseWriter, r *http.Request) {
	state := g.state()
	if r.Header.Get("If-None-Match") == state.version() {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	state.render(w, "live")
}

// render writes one of the templates. What they show is taken after the version, so that a change in between is shown
// again rather than never.
func (w *world) render(rw http.ResponseWriter, name string) {
	view := w.view()
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
