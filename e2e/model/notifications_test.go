package model

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

const acknowledgement = `{"code":"SUCCESS","msg":"Success"}`

// notification is a notification that PayerMax or somebody else sends to the site.
type notification struct {
	number string
	kind   *kind
	does   deed // what the application does with it
	path   string

	response *response
}

// kind is a kind of notification.
type kind struct {
	name   string
	isTrue bool
	make   func(n *notification, body string) (string, []string) // the body and its signatures
}

func signedBy(body string) (string, []string) {
	return body, []string{sign(gatewayKey(), []byte(body))}
}

// kinds lists all kinds, starting with the genuine one.
var kinds = []kind{
	{"true", true, func(_ *notification, body string) (string, []string) { return signedBy(body) }},
	{"of a stranger", false, func(_ *notification, body string) (string, []string) {
		return body, []string{sign(strangersKey(), []byte(body))}
	}},
	{"not signed", false, func(_ *notification, body string) (string, []string) { return body, nil }},
	{"with two signatures", false, func(_ *notification, body string) (string, []string) {
		return body, []string{sign(gatewayKey(), []byte(body)), sign(gatewayKey(), []byte(body))}
	}},
	{"changed", false, func(_ *notification, body string) (string, []string) {
		_, signatures := signedBy(body)
		return strings.Replace(body, "SUCCESS", "FAILURE", 1), signatures
	}},
	{"for another merchant", false, func(_ *notification, body string) (string, []string) {
		return signedBy(strings.Replace(body, "app-of-books", "app-of-games", 1))
	}},
	{"an answer", false, func(_ *notification, body string) (string, []string) {
		return signedBy(strings.Replace(body, `"notifyType":"PAYMENT",`, "", 1))
	}},
	{"with two types", false, func(_ *notification, body string) (string, []string) {
		return signedBy(strings.Replace(body, "{", `{"notify_type":"REFUND",`, 1))
	}},
}

// drawNotification draws a notification: a new one, or a copy of one that was sent before or is
// sent at the same time.
func (w *world) drawNotification(t *rapid.T, others []*notification) *notification {
	n := &notification{kind: &kinds[0], path: "/callback"}
	sent := slices.Concat(w.known, others)
	if len(sent) > 0 && rapid.Bool().Draw(t, "sent before") {
		n.number = sent[rapid.IntRange(0, len(sent)-1).Draw(t, "which")].number
	} else {
		w.lastCall++
		n.number = fmt.Sprintf("model_%d_", w.lastCall)
	}
	if rapid.Bool().Draw(t, "forged") {
		n.kind = &kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")]
		n.path = rapid.SampledFrom([]string{"/callback", "/callback/", "/orders"}).Draw(t, "path")
	}
	n.does = rapid.SampledFrom(deeds).Draw(t, "application")
	if i := slices.IndexFunc(others, func(o *notification) bool { return o.number == n.number }); i >= 0 {
		n.does = others[i].does // the application cannot tell them apart
	}
	w.app.will(n.number, n.does)
	if n.isGenuine() {
		w.known = append(w.known, n)
	}
	return n
}

// isGenuine reports whether the application should receive it as verified.
func (n *notification) isGenuine() bool { return n.kind.isTrue && n.path != "/orders" }

func (n *notification) String() string {
	return fmt.Sprintf("notification %s, %s, to %s, application %s", n.number, n.kind.name, n.path, n.does)
}

// plain returns the body of a genuine notification.
func (n *notification) plain() string {
	return fmt.Sprintf(`{"code":"APPLY_SUCCESS","msg":"","keyVersion":"1","appId":"app-of-books","notifyTime":"2022-01-17T09:33:54.540+00:00",`+
		`"notifyType":"PAYMENT","data":{"outTradeNo":"%s","status":"SUCCESS","userId":"canary-user"}}`, n.number)
}

// send delivers the notification, together with a proof forged by the sender.
func (n *notification) send(address string) {
	body, signatures := n.kind.make(n, n.plain())
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	var out strings.Builder
	fmt.Fprintf(&out, "POST %s HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\nPayermax-Verified: %s\r\n",
		n.path, len(body), forgedProof)
	for _, signature := range signatures {
		out.WriteString("sign: " + signature + "\r\n")
	}
	_, _ = io.WriteString(conn, out.String()+"\r\n"+body)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return
	}
	n.response = &response{res.StatusCode, res.Header, string(answer)}
}

const forgedProof = "sha256:f0f0"

// judgeNotifications checks that the application gets each genuine notification as often as it
// should, and nothing else, and that no notification is acknowledged that the application has not
// accepted.
func (w *world) judgeNotifications(t *rapid.T, s *step) {
	reached := w.app.since(s.reachedBefore)
	for _, r := range reached {
		if r.path == "/orders" {
			assert.Empty(t, r.proofs, "a proof on another path")
			continue
		}
		sent := slices.ContainsFunc(s.notifications, func(n *notification) bool { return n.isGenuine() && n.plain() == r.body })
		assert.True(t, sent, "the application got %q, which nobody has sent so", r.body)
		if assert.Len(t, r.proofs, 1, "proofs") {
			assert.NotEqual(t, forgedProof, r.proofs[0])
		}
	}

	acceptedBefore := s.acceptedBefore
	if s.ends || s.loads {
		acceptedBefore = nil // some of this step's may have gone to the process or config that has forgotten them
	}
	accepted := make(map[string]int)
	delivered := make(map[string]int)
	for _, r := range reached {
		if r.path == "/orders" {
			continue
		}
		delivered[r.number]++
		if r.accepted {
			accepted[r.number]++
		}
	}
	copies := make(map[string]int)
	for _, n := range s.notifications {
		if n.isGenuine() {
			copies[n.number]++
		}
	}
	for _, n := range s.notifications {
		if n.path != "/orders" {
			w.judgeNotification(t, s, n, delivered[n.number], accepted[n.number], copies[n.number], acceptedBefore)
		}
	}
	if s.ends || s.loads {
		return // nobody knows what the new process or config has seen
	}
	for number := range accepted {
		w.accepted[number] = true
	}
}

func (w *world) judgeNotification(t *rapid.T, s *step, n *notification, delivered, accepted, copies int, acceptedBefore map[string]bool) {
	assert.LessOrEqual(t, delivered, copies, "%s: deliveries", n)
	if n.response == nil {
		assert.True(t, s.cuts, "%s: no answer", n)
		return
	}
	if !n.kind.isTrue {
		assert.True(t, n.response.status == 403, "%s: status %d", n, n.response.status)
		return
	}
	isAcknowledged := n.response.status == 200
	if isAcknowledged {
		assert.Equal(t, acknowledgement, n.response.body, "%s", n)
		known := accepted > 0 || s.acceptedBefore[n.number]
		assert.True(t, known, "%s: it is acknowledged, and the application has not accepted it", n)
	}
	if s.ends || s.loads || !w.settings.duplicates || !s.before.duplicates {
		if !s.ends && !s.starves && n.does.isAcceptance() && !w.settings.duplicates && !s.before.duplicates {
			assert.True(t, isAcknowledged, "%s: status %d", n, n.response.status)
		}
		return
	}
	assert.LessOrEqual(t, accepted, 1, "%s: times that the application has accepted it at once", n)
	if acceptedBefore[n.number] {
		assert.Zero(t, delivered, "%s: it was accepted before", n)
		assert.True(t, isAcknowledged, "%s: status %d", n, n.response.status)
	} else if copies == 1 && n.does.isAcceptance() && !s.starves {
		assert.True(t, isAcknowledged, "%s: status %d", n, n.response.status)
	}
}
