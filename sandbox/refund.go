package sandbox

import (
	"context"
	"math/big"
	"time"
)

// refundAnswer is the data of a successful refund.
type refundAnswer struct {
	OutRefundNo   string `json:"outRefundNo"`
	TradeOrderNo  string `json:"tradeOrderNo"`
	RefundTradeNo string `json:"refundTradeNo"`
	Status        string `json:"status"`
}

// refundData is the data of a refund request.
type refundData struct {
	outRefundNo, outTradeNo, tradeToken string
	currency, notifyURL                 string
	amount                              *big.Rat
}

// refundOrder refunds a payment or a part of it (page "refund"). outRefundNo makes requests idempotent: repeating the
// same request moves no more money and returns the same numbers, so a client that never saw the answer can repeat it. A
// different request with the same outRefundNo is refused.
func refundOrder(req *request) (any, *refusal) {
	in, refused := readRefund(req.data)
	if refused != nil {
		return nil, refused
	}
	g, l := req.gateway, &req.world.ledger
	now := g.now()
	status, after := g.simulateRefund(in.amount)
	made := &refund{
		outRefundNo: in.outRefundNo, refundTradeNo: newRefundTradeNo(now), currency: in.currency, amount: in.amount,
		progress: progress{status: status, done: make(chan struct{})},
	}
	if made.status != refundPending {
		made.settle(made.status, now)
	}
	r, refused := l.giveBack(req.merchant.AppID, in, made, now, func() bool {
		return req.world.tasks.start(func(ctx context.Context) {
			if l.await(ctx, &made.progress, after, refundSuccess, g.now) {
				req.notify(ctx, in.notifyURL, refundNotice(snapshot(l, made)))
			}
		})
	})
	if refused != nil {
		return nil, refused
	}
	return refundAnswer{
		OutRefundNo: r.outRefundNo, TradeOrderNo: r.order.tradeToken, RefundTradeNo: r.refundTradeNo, Status: r.answered(),
	}, nil
}

// answered returns the state of a refund in the answer to refund itself. It is only ever REFUND_PENDING or
// REFUND_FAILED (page "refund"), also for repeated requests: only refundQuery and the notification report success.
func (r *refund) answered() string {
	if r.status == refundSuccess {
		return refundPending
	}
	return r.status
}

// readRefund checks and returns the members of data. The page calls both numbers of the order optional, but one of them
// is needed.
func readRefund(data object) (refundData, *refusal) {
	var in refundData
	if refused := data.require("outRefundNo", "refundAmount", "refundCurrency"); refused != nil {
		return in, refused
	}
	orderNo := 0 // the minimum length of outTradeNo
	if !data.has("tradeToken") {
		orderNo = 1
		if refused := data.require("outTradeNo"); refused != nil {
			return in, refused
		}
	}
	refused := data.read(
		member{"outRefundNo", 1, 64, &in.outRefundNo},
		member{"outTradeNo", orderNo, 64, &in.outTradeNo},
		member{"tradeToken", 0, 64, &in.tradeToken},
		member{"comments", 0, 512, nil},
		member{"refundNotifyUrl", 0, 256, &in.notifyURL},
	)
	if refused != nil {
		return in, refused
	}
	if refused := data.currency("refundCurrency"); refused != nil {
		return in, refused
	}
	in.currency, _ = data.str("refundCurrency")
	in.amount, refused = data.amount("refundAmount", []string{"number", "string"}, in.currency)
	if refused == nil && in.amount.Sign() == 0 {
		return in, refuse(codeAmountInvalid)
	}
	return in, refused
}

// giveBack stores a refund, unless the order cannot be refunded or begin reports false. It returns a copy of r, or of
// the earlier refund that r repeats.
func (l *ledger) giveBack(
	appID string, in refundData, r *refund, now time.Time, begin func() bool,
) (*refund, *refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.find(appID, in.outTradeNo, in.tradeToken)
	if o == nil {
		return nil, refuse(codeOrderNotExist)
	}
	key := numberKey(appID, in.outRefundNo)
	if before := l.refunds.get(key); before != nil {
		if before.order != o || before.currency != in.currency || before.amount.Cmp(in.amount) != 0 {
			return nil, refuse(codeRefundNoInvalid)
		}
		return copied(before), nil
	}
	if refused := o.notPaid(now); refused != nil {
		return nil, refused
	}
	if in.currency != o.currency {
		return nil, refuse(codeCurrencyInvalid)
	}
	total := new(big.Rat).Add(o.refunded, in.amount)
	if total.Cmp(o.paid()) > 0 {
		return nil, refuse(codeAmountInvalid)
	}
	r.order = o
	if !begin() {
		return nil, refuse(codeSystemError)
	}
	if r.status != refundFailed {
		o.refunded = total
	}
	l.refunds.put(key, r)
	l.refundNos.put(numberKey(appID, r.refundTradeNo), r)
	return copied(r), nil
}
