package sandbox

import (
	"cmp"
	"context"
	"math/big"
	"time"
)

// capture takes all or part of an authorised amount. Only its progress changes after it has been created.
type capture struct {
	requestID, captureNo string
	order                *order
	currency             string
	amount               *big.Rat
	created              time.Time
	progress
}

// captureView is the data of a successful capture and of its notification, which share one table in the documentation.
// Amount and isFinal are strings in the table, and so they are here; the example next to it has a number and a boolean.
// Members that do not apply are null, as in the example.
type captureView struct {
	CaptureNo     string  `json:"captureNo"`
	RequestID     string  `json:"requestId"`
	OutTradeNo    string  `json:"outTradeNo"`
	Amount        string  `json:"amount"`
	Currency      string  `json:"currency"`
	Status        string  `json:"status"`
	IsFinal       string  `json:"isFinal"`
	CreatedTime   string  `json:"createdTime"`
	SucceededTime *string `json:"succeededTime"`
	FailedTime    *string `json:"failedTime"`
	ErrorCode     *string `json:"errorCode"`
	ErrorMsg      *string `json:"errorMsg"`
}

// captureData is the data of a capture request.
type captureData struct {
	requestID, outTradeNo, currency string
	amount                          *big.Rat
}

// captureOrder captures the authorised amount of an order (page "capture"). An order can be captured once, for no more
// than was authorised ("Auth-Capture" guide); the rest is released. Repeating the same request returns the current
// state of the capture; a different request with the same requestId is refused.
func captureOrder(req *request) (any, *refusal) {
	in, refused := readCapture(req.data)
	if refused != nil {
		return nil, refused
	}
	g, l := req.gateway, &req.world.ledger
	now := g.now()
	made := &capture{
		requestID: in.requestID, captureNo: newCaptureNo(now), currency: in.currency, amount: in.amount,
		created: now, progress: progress{done: make(chan struct{})},
	}
	c, refused := l.capture(req.merchant.AppID, in, made, func() bool {
		return req.world.tasks.start(func(ctx context.Context) {
			if l.await(ctx, &made.progress, g.scaled(g.PendingDelay), statusSuccess, g.now) {
				final := snapshot(l, made)
				req.notify(ctx, final.order.notifyURL, captureNotice(final))
			}
		})
	})
	if refused != nil {
		return nil, refused
	}
	return c.view(), nil
}

// readCapture checks and returns the members of data.
func readCapture(data object) (captureData, *refusal) {
	var in captureData
	if refused := data.require("requestId", "outTradeNo", "currency", "amount"); refused != nil {
		return in, refused
	}
	refused := data.read(member{"requestId", 1, 64, &in.requestID}, member{"outTradeNo", 1, 64, &in.outTradeNo})
	if refused != nil {
		return in, refused
	}
	if refused := data.currency("currency"); refused != nil {
		return in, refused
	}
	in.currency, _ = data.str("currency")
	in.amount, refused = data.amount("amount", []string{"number", "string"}, in.currency)
	if refused == nil && in.amount.Sign() == 0 {
		return in, refuse(codeAmountInvalid)
	}
	return in, refused
}

// capture stores a capture, unless the order cannot be captured or begin reports false. It returns a copy of c, or of
// the earlier capture that c repeats.
func (l *ledger) capture(appID string, in captureData, c *capture, begin func() bool) (*capture, *refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.find(appID, in.outTradeNo, "")
	if o == nil {
		return nil, refuse(codeOrderNotExist)
	}
	key := numberKey(appID, in.requestID)
	if before := l.captures.get(key); before != nil {
		if before.order != o || before.currency != in.currency || before.amount.Cmp(in.amount) != 0 {
			return nil, refuse(codeOrderRepeat)
		}
		return copied(before), nil
	}
	if refused := o.notHeld(c.created); refused != nil {
		return nil, refused
	}
	if in.currency != o.currency {
		return nil, refuse(codeCurrencyInvalid)
	}
	if in.amount.Cmp(o.amount) > 0 {
		return nil, refuse(codeAmountInvalid)
	}
	if !begin() {
		return nil, refuse(codeSystemError)
	}
	c.order, c.status, o.hold = o, cmp.Or(o.plan.captures, statusSuccess), holdCapturing
	c.then = func() {
		if c.status != statusSuccess {
			o.hold = holdKept
			return
		}
		o.hold, o.captured = holdCaptured, c.amount
	}
	if c.status != statusPending {
		c.settle(c.status, c.created)
	}
	l.captures.put(key, c)
	return copied(c), nil
}

// view returns the data about a capture that the merchant is sent, in its current state. isFinal is always true, since
// an order has only one capture.
func (c *capture) view() captureView {
	v := captureView{
		CaptureNo: c.captureNo, RequestID: c.requestID, OutTradeNo: c.order.outTradeNo, Amount: number(c.amount).String(),
		Currency: c.currency, Status: c.status, IsFinal: "true", CreatedTime: formatCaptureTime(c.created),
	}
	switch completed := formatCaptureTime(c.completed); c.status {
	case statusSuccess:
		v.SucceededTime = &completed
	case statusFailed:
		code, msg := c.result()
		v.FailedTime, v.ErrorCode, v.ErrorMsg = &completed, &code, &msg
	}
	return v
}

// result returns the code and the message for a capture in a final state.
func (c *capture) result() (code, msg string) {
	if c.status == statusFailed {
		return codePaymentFailed, messages[codePaymentFailed]
	}
	return codeApplySuccess, "Success."
}

// formatCaptureTime formats a time as in the data of all examples of captures and cancellations ("2023-08-06T23:50:59
// +0000"). The examples of payments use another format.
func formatCaptureTime(t time.Time) string { return t.UTC().Format(oddNoticeTime) }
