package sandbox

import (
	"cmp"
	"context"
	"math/big"
	"time"
)

// capture takes an authorised amount or a part of it. All but its progress stays as it was made.
type capture struct {
	requestID, captureNo string
	order                *order
	currency             string
	amount               *big.Rat
	created              time.Time
	progress
}

// captureView is the data of a successful capture and of its notification, which have the same table. Amount and isFinal
// are strings there, and so they are here; the example beside the table has a number and a boolean. What does not apply
// is null, as in the example.
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

// captureOrder takes what an order has authorised (page "capture"). There is one capture of an order, of no more than
// was authorised ("Auth-Capture" guide); what it leaves is released. The same request again is answered with the capture
// as it is now; another one under its requestId is refused.
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

// readCapture judges the members of data.
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

// capture remembers a capture, unless it is not possible or cannot be begun. It returns a copy of it, or of the one that
// it repeats.
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

// view returns what is told of a capture as it is now. It is always the final one, since an order has only one.
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

// result returns what code and message tell of a capture in a final state.
func (c *capture) result() (code, msg string) {
	if c.status == statusFailed {
		return codePaymentFailed, messages[codePaymentFailed]
	}
	return codeApplySuccess, "Success."
}

// formatCaptureTime writes a time as all examples of captures and cancellations have it in data
// ("2023-08-06T23:50:59 +0000"), unlike those of payments.
func formatCaptureTime(t time.Time) string { return t.UTC().Format(oddNoticeTime) }
