package sandbox

import "encoding/json"

// refundView is the data of a successful refundQuery.
type refundView struct {
	OutRefundNo      string      `json:"outRefundNo"`
	RefundTradeNo    string      `json:"refundTradeNo"`
	RefundAmount     json.Number `json:"refundAmount"`
	RefundCurrency   string      `json:"refundCurrency"`
	OutTradeNo       string      `json:"outTradeNo"`
	Status           string      `json:"status"`
	ResultMsg        string      `json:"resultMsg"`
	RefundFinishTime string      `json:"refundFinishTime"`
}

// refundQuery returns the state of a refund, by either of its numbers (page "refundQuery").
func refundQuery(req *request) (any, *refusal) {
	refundNo := 0 // the minimum length of outRefundNo
	if !req.data.has("refundTradeNo") {
		refundNo = 1
		if refused := req.data.require("outRefundNo"); refused != nil {
			return nil, refused
		}
	}
	var outRefundNo, refundTradeNo string
	refused := req.data.read(member{"outRefundNo", refundNo, 64, &outRefundNo}, member{"refundTradeNo", 0, 64, &refundTradeNo})
	if refused != nil {
		return nil, refused
	}
	r := req.world.ledger.refund(req.merchant.AppID, outRefundNo, refundTradeNo)
	if r == nil {
		return nil, refuse(codeRefundNoInvalid)
	}
	_, msg := r.result()
	return refundView{
		OutRefundNo: r.outRefundNo, RefundTradeNo: r.refundTradeNo,
		RefundAmount: number(r.amount), RefundCurrency: r.currency, OutTradeNo: r.order.outTradeNo,
		Status: r.status, ResultMsg: msg, RefundFinishTime: r.finishTime(),
	}, nil
}

// result returns the code and the message for a refund.
func (r *refund) result() (code, msg string) {
	switch r.status {
	case refundFailed:
		return codeRefundFailed, messages[codeRefundFailed]
	case refundPending:
		return codePaymentProcessing, messages[codePaymentProcessing]
	default:
		return codeApplySuccess, "Success."
	}
}

// finishTime returns when a refund succeeded or failed, or "" while it is pending. Answers must have the member, so it
// is empty rather than absent.
func (r *refund) finishTime() string {
	if r.status == refundPending {
		return ""
	}
	return formatTime(r.completed)
}
