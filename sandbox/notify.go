package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	// maxSending is the maximum number of concurrent attempts.
	maxSending = 16

	// maxAck is how many bytes of an acknowledgement are read, and maxAckShown how many are kept.
	maxAck      = 64 << 10
	maxAckShown = 200

	defaultNotifyTimeout = 15 * time.Second
)

// retryDelays are the delays before the attempts ("0s/30s/300s/600s/3600s/43200s", page "Callback notification"). The
// page does not say what they are relative to; here, each starts at the end of the previous attempt.
var retryDelays = []time.Duration{
	0, 30 * time.Second, 300 * time.Second, 600 * time.Second, 3600 * time.Second, 43200 * time.Second,
}

// The states of a notification.
const (
	notifyPending   = "pending"     // more attempts will be made
	notifyDelivered = "delivered"   // it was acknowledged
	notifyGivenUp   = "given up"    // no attempt was acknowledged
	notifyDropped   = "dropped"     // a fault suppressed it
	notifyRefused   = "not allowed" // AllowNotify forbids its URL
	notifyStopped   = "stopped"     // the gateway was closed or reset
)

// notification is a notification and its delivery, as GET /sandbox/notifications shows it.
type notification struct {
	ID       int       `json:"id"`
	Time     time.Time `json:"time"`
	Type     string    `json:"notifyType"`
	AppID    string    `json:"appId"`
	Number   string    `json:"number"`
	Status   string    `json:"status"`
	Code     string    `json:"code"`
	URL      string    `json:"url"`
	State    string    `json:"state"`
	Attempts []attempt `json:"attempts"`
	Sign     string    `json:"sign"`
	Body     text      `json:"body"`
}

// attempt is one attempt to deliver a notification. Problem is empty when it was acknowledged.
type attempt struct {
	Time    time.Time `json:"time"`
	Status  int       `json:"status,omitempty"`
	Problem string    `json:"problem,omitempty"`
}

// newNotifyClient returns a client that connects only to the merchant: it uses no proxy and follows no redirects.
func newNotifyClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			// An idle connection would outlive Close.
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxAck,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// notify sends a notification to notifyURL, or else to the URL from the dashboard. It returns when the notification is
// acknowledged or the attempts have ended.
func (req *request) notify(ctx context.Context, notifyURL string, what notice) {
	if notifyURL == "" {
		notifyURL = req.merchant.NotifyURL
	}
	if notifyURL == "" {
		return
	}
	g, w := req.gateway, req.world
	now := g.now()
	raw, signature, err := g.seal(what.body(req, now))
	if err != nil {
		return // cannot happen: the same key has signed the answer
	}
	n := &notification{
		Time: now, Type: what.notifyType, AppID: req.merchant.AppID, Number: what.number, Status: what.status,
		Code: what.code, URL: notifyURL, State: notifyPending, Sign: req.faults.spoilNotification(g, raw, signature), Body: raw,
	}
	switch {
	case req.faults.dropNotification:
		n.State = notifyDropped
	case !g.mayNotify(notifyURL):
		n.State = notifyRefused
	}
	w.announce(n)
	if n.State == notifyPending {
		w.finish(n, req.deliver(ctx, n))
	}
}

// deliver makes attempts until one is acknowledged, and returns the final state of the notification.
func (req *request) deliver(ctx context.Context, n *notification) string {
	extra := req.faults.duplicateNotification
	state := notifyGivenUp
	for _, delay := range retryDelays {
		if !sleep(ctx, req.gateway.scaled(delay)) {
			return notifyStopped
		}
		a := req.gateway.attempt(ctx, n)
		req.world.attempted(n, a)
		if a.Problem != "" {
			continue
		}
		if !extra {
			return notifyDelivered
		}
		extra, state = false, notifyDelivered
	}
	return state
}

// attempt posts a notification once.
func (g *Gateway) attempt(ctx context.Context, n *notification) attempt {
	select {
	case g.sending <- struct{}{}:
		defer func() { <-g.sending }()
	case <-ctx.Done():
		return attempt{Time: g.now(), Problem: "stopped"}
	}
	timeout := g.NotifyTimeout
	if timeout == 0 {
		timeout = defaultNotifyTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a := attempt{Time: g.now()}
	var err error
	if a.Status, err = g.post(ctx, n); err != nil {
		a.Problem = shortened(err.Error())
	}
	return a
}

// post sends a notification once. It returns the status of the answer, and an error if it is not an acknowledgement.
func (g *Gateway) post(ctx context.Context, n *notification) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL, bytes.NewReader(n.Body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	if n.Sign != "" {
		r.Header.Set(signHeader, n.Sign)
	}
	resp, err := g.client.Do(r)
	if err != nil {
		// Drop the method and the URL that the client prepends: the record has them.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAck))
	if err != nil {
		return resp.StatusCode, err
	}
	return resp.StatusCode, checkAck(resp.StatusCode, body)
}

// checkAck returns an error if an answer is not an acknowledgement: status 200 with the code SUCCESS, which means that
// the notification was received, whatever its content (every callback page).
func checkAck(status int, body []byte) error {
	if status != http.StatusOK {
		return fmt.Errorf("status %d instead of 200", status)
	}
	answer, refused := readObject("body", body)
	if refused != nil {
		return errors.New("the answer is no JSON object")
	}
	code, refused := answer.str("code")
	if refused != nil || code != "SUCCESS" {
		return fmt.Errorf("code %q instead of \"SUCCESS\"", shortened(code))
	}
	return nil
}

// shortened truncates a text from outside to maxAckShown bytes.
func shortened(text string) string {
	if len(text) > maxAckShown {
		return text[:maxAckShown] + "..."
	}
	return text
}

// mayNotify reports whether a URL may be called.
func (g *Gateway) mayNotify(notifyURL string) bool {
	u, err := url.Parse(notifyURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	if g.AllowNotify != nil {
		return g.AllowNotify(u)
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || (err == nil && address.Unmap().IsLoopback())
}

// announce, attempted and finish update the list of notifications.
func (w *world) announce(n *notification) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n.ID = w.notifications.id()
	w.notifications.add(n, len(n.Body)+len(n.Sign)+len(n.URL)+len(retryDelays)*maxAckShown)
	w.changes++
}

func (w *world) attempted(n *notification, a attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n.Attempts = append(n.Attempts, a)
	w.changes++
}

func (w *world) finish(n *notification, state string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n.State = state
	w.changes++
}
