package sandbox

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// world is all state that a reset discards. A request uses the world that was current when it arrived.
type world struct {
	// name distinguishes this world from others in the version of the live page.
	name   string
	ledger ledger
	tasks  *tasks

	mu            sync.Mutex // guards the fields below
	calls         recent[callRecord]
	notifications recent[*notification]
	scheduled     []scheduledFault
	changes       int
}

func newWorld() *world { return &world{name: randomKey(), tasks: newTasks()} }

// state returns the current world.
func (g *Gateway) state() *world {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.current
}

// reset discards all state and stops the background tasks.
func (g *Gateway) reset(ctx context.Context) error {
	g.mu.Lock()
	old := g.current
	g.current = newWorld()
	if g.closed {
		g.current.tasks.stop()
	}
	g.mu.Unlock()
	return old.tasks.close(ctx)
}

// callRecord is a call as GET /sandbox/calls shows it. The body and the answer are the exact text if they are valid
// UTF-8. Number is the order or the refund that the call is about, and State its state in the answer.
type callRecord struct {
	ID         int       `json:"id"`
	Time       time.Time `json:"time"`
	Endpoint   string    `json:"endpoint"`
	AppID      string    `json:"appId"`
	MerchantNo string    `json:"merchantNo"`
	Number     string    `json:"number,omitempty"`
	State      string    `json:"state,omitempty"`
	Verified   bool      `json:"verified"`
	Unverified string    `json:"unverified,omitempty"`
	Deviations []string  `json:"deviations,omitempty"`
	Fault      string    `json:"fault,omitempty"`
	Status     int       `json:"status"`
	Code       string    `json:"code"`
	Msg        string    `json:"msg"`
	Sign       string    `json:"sign"`
	Body       text      `json:"body"`
	AnswerSign string    `json:"answerSign"`
	Answer     text      `json:"answer"`
}

// text is bytes that are shown as text.
type text []byte

// MarshalText makes encoding/json write the text instead of base64.
func (t text) MarshalText() ([]byte, error) { return t, nil }

// record keeps a copy of a call. Of the headers it keeps only the signature, since the others may be long or
// confidential.
func (w *world) record(c *Call) {
	r := callRecord{
		Time: c.Time, Endpoint: c.Endpoint, AppID: c.AppID, MerchantNo: c.MerchantNo,
		Verified: c.Verified, Unverified: c.Unverified, Deviations: slices.Clone(c.Deviations), Fault: c.Fault,
		Status: c.Status, Code: c.Code, Msg: c.Msg,
		Sign: strings.Join(c.Header.Values(signHeader), ", "), Body: bytes.Clone(c.Body),
		AnswerSign: c.AnswerSign, Answer: bytes.Clone(c.Answer),
	}
	r.Number, r.State = c.about()
	size := len(r.Unverified) + len(r.Fault) + len(r.Msg) + len(r.Sign) + len(r.Body) + len(r.AnswerSign) + len(r.Answer)
	w.mu.Lock()
	defer w.mu.Unlock()
	r.ID = w.calls.id()
	w.calls.add(r, size)
	w.changes++
}

// changed makes the live page refresh.
func (w *world) changed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes++
}

// recentCalls returns the last calls, newest first.
func (w *world) recentCalls() []callRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls.newestFirst()
}

// recentNotifications returns copies of the last notifications, newest first.
func (w *world) recentNotifications() []notification {
	w.mu.Lock()
	defer w.mu.Unlock()
	copies := make([]notification, 0, len(w.notifications.entries))
	for _, n := range w.notifications.newestFirst() {
		c := *n
		c.Attempts = append([]attempt{}, n.Attempts...)
		copies = append(copies, c)
	}
	return copies
}
