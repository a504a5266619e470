package sandbox

import (
	"encoding/json"
	"time"
)

// notice is what a notification tells, before it has a merchant and a time.
type notice struct {
	notifyType, code, msg string

	// number and status are what it is about, for the list of notifications.
	number, status string

	data any
}

// noticeBody is the envelope of every notification. code is the error code of a failed payment: the notification is a
// valid one all the same.
type noticeBody struct {
	Code       string `json:"code"`
	Msg        string `json:"msg"`
	KeyVersion string `json:"keyVersion"`
	AppID      string `json:"appId"`
	MerchantNo string `json:"merchantNo,omitempty"`
	NotifyTime string `json:"notifyTime"`
	NotifyType string `json:"notifyType"`
	Data       any    `json:"data"`
}

const (
	// noticeTime is how most of PayerMax's examples write notifyTime, oddNoticeTime how others do.
	noticeTime    = "2006-01-02T15:04:05.000-07:00"
	oddNoticeTime = "2006-01-02T15:04:05 -0700"
)

// paymentData is the data of a PAYMENT notification (page "collectResultNotifyUrl", and "authResultNotifyUrl" for what
// is only authorised).
type paymentData struct {
	OutTradeNo        string          `json:"outTradeNo"`
	TradeToken        string          `json:"tradeToken"`
	TotalAmount       json.Number     `json:"totalAmount"`
	Currency          string          `json:"currency"`
	Country           string          `json:"country"`
	Status            string          `json:"status"`
	CaptureMode       string          `json:"captureMode,omitempty"`
	AuthorizationType string          `json:"authorizationType,omitempty"`
	CompleteTime      string          `json:"completeTime,omitempty"`
	PaymentDetails    []paymentDetail `json:"paymentDetails"`
	Reference         string          `json:"reference,omitempty"`
}

// refundNoticeData is the data of a REFUND notification (page "RefundResultNotifyUrl").
type refundNoticeData struct {
	OutRefundNo      string      `json:"outRefundNo"`
	RefundTradeNo    string      `json:"refundTradeNo"`
	OutTradeNo       string      `json:"outTradeNo"`
	RefundAmount     json.Number `json:"refundAmount"`
	RefundCurrency   string      `json:"refundCurrency"`
	RefundFinishTime string      `json:"refundFinishTime"`
	Status           string      `json:"status"`
}

// paymentNotice tells of an order in a final state.
func paymentNotice(o *order) notice {
	code, msg := o.result()
	captureMode, authorizationType := o.modes()
	return notice{"PAYMENT", code, msg, o.outTradeNo, o.status, paymentData{
		OutTradeNo: o.outTradeNo, TradeToken: o.tradeToken, TotalAmount: number(o.amount), Currency: o.currency,
		Country: o.country, Status: o.status, CaptureMode: captureMode, AuthorizationType: authorizationType,
		CompleteTime: o.completeTime(), PaymentDetails: o.details(), Reference: o.reference,
	}}
}

// captureNotice tells of a capture in a final state (page "captureResultNotifyUrl"). The type is that of the table and
// the example; the enumeration of the OpenAPI file has REFUND.
func captureNotice(c *capture) notice {
	code, msg := c.result()
	return notice{"CAPTURE", code, msg, c.order.outTradeNo, c.status, c.view()}
}

// cancelNotice tells of a cancellation (page "cancelResultNotifyUrl"). The same is true of its type.
func cancelNotice(c *cancellation) notice {
	return notice{"CANCEL", codeApplySuccess, "Success.", c.order.outTradeNo, statusSuccess, c.view()}
}

// refundNotice tells of a refund in a final state.
func refundNotice(r *refund) notice {
	code, msg := r.result()
	return notice{"REFUND", code, msg, r.outRefundNo, r.status, refundNoticeData{
		OutRefundNo: r.outRefundNo, RefundTradeNo: r.refundTradeNo, OutTradeNo: r.order.outTradeNo,
		RefundAmount: number(r.amount), RefundCurrency: r.currency, RefundFinishTime: r.finishTime(), Status: r.status,
	}}
}

// body is the notice addressed to the merchant of a request.
func (n notice) body(req *request, now time.Time) noticeBody {
	format := noticeTime
	if req.faults.oddTime {
		format = oddNoticeTime
	}
	merchantNo := req.env.merchantNo
	if merchantNo == "" {
		merchantNo = req.merchant.MerchantNo
	}
	return noticeBody{
		Code: n.code, Msg: n.msg, KeyVersion: req.merchant.keyVersion(), AppID: req.merchant.AppID,
		MerchantNo: merchantNo, NotifyTime: now.UTC().Format(format), NotifyType: n.notifyType, Data: n.data,
	}
}
