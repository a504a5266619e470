package sandbox

import (
	"context"
	"time"
)

// cancellation is the immediate release of an authorised amount. It is immutable.
type cancellation struct {
	requestID, cancelNo string
	order               *order
	created             time.Time
}

// cancelView is the data of a successful cancellation and of its notification, which share one table in the
// documentation. Members that do not apply are null, as in the example next to the table.
type cancelView struct {
	CancelNo      string  `json:"cancelNo"`
	RequestID     string  `json:"requestId"`
	OutTradeNo    string  `json:"outTradeNo"`
	Status        string  `json:"status"`
	CreatedTime   string  `json:"createdTime"`
	SucceededTime string  `json:"succeededTime"`
	FailedTime    *string `json:"failedTime"`
	ErrorCode     *string `json:"errorCode"`
	ErrorMsg      *string `json:"errorMsg"`
}

// cancelOrder releases an authorised amount that has not been captured (page "cancel"). Repeating the same request
// returns the same answer; a different request with the same requestId is refused.
func cancelOrder(req *request) (any, *refusal) {
	if refused := req.data.require("requestId", "outTradeNo"); refused != nil {
		return nil, refused
	}
	var requestID, outTradeNo string
	refused := req.data.read(member{"requestId", 1, 64, &requestID}, member{"outTradeNo", 1, 64, &outTradeNo})
	if refused != nil {
		return nil, refused
	}
	l := &req.world.ledger
	now := req.gateway.now()
	made := &cancellation{requestID: requestID, cancelNo: newCaptureNo(now), created: now}
	c, refused := l.cancel(req.merchant.AppID, outTradeNo, made, func(o *order) bool {
		return req.world.tasks.start(func(ctx context.Context) { req.notify(ctx, o.notifyURL, cancelNotice(made)) })
	})
	if refused != nil {
		return nil, refused
	}
	return c.view(), nil
}

// cancel stores a cancellation, unless the order cannot be cancelled or begin reports false. It returns c, or the
// earlier cancellation that c repeats.
func (l *ledger) cancel(
	appID, outTradeNo string, c *cancellation, begin func(*order) bool,
) (*cancellation, *refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.find(appID, outTradeNo, "")
	if o == nil {
		return nil, refuse(codeOrderNotExist)
	}
	key := numberKey(appID, c.requestID)
	if before := l.cancellations.get(key); before != nil {
		if before.order != o {
			return nil, refuse(codeOrderRepeat)
		}
		return before, nil
	}
	if refused := o.notHeld(c.created); refused != nil {
		return nil, refused
	}
	c.order = o
	if !begin(o) {
		return nil, refuse(codeSystemError)
	}
	o.hold = holdCancelled
	l.cancellations.put(key, c)
	return c, nil
}

// view returns the data about a cancellation that the merchant is sent.
func (c *cancellation) view() cancelView {
	at := formatCaptureTime(c.created)
	return cancelView{
		CancelNo: c.cancelNo, RequestID: c.requestID, OutTradeNo: c.order.outTradeNo, Status: statusSuccess,
		CreatedTime: at, SucceededTime: at,
	}
}
