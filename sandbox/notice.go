package sandbox

import (
	"encoding/json"
	"time"
)

// notice is the content of a notification, without the merchant and the time.
type notice struct {
	notifyType, code, msg string

	// number and status identify the order, refund or card and its state in the list of notifications.
	number, status string

	data any
}

// noticeBody is the envelope of every notification. For a failed payment, Code is its error code; the notification is
// still valid.
type noticeBody struct {
	Code       string `json:"code"`
	Msg        string `json:"msg"`
	KeyVersion string `json:"keyVersion"`
	AppID      string `json:"appId,omitempty"`

	// MerchantAppID replaces AppID in the example of TOKENIZATION, and only there.
	MerchantAppID string `json:"merchantAppId,omitempty"`

	MerchantNo string `json:"merchantNo,omitempty"`
	NotifyTime string `json:"notifyTime"`
	NotifyType string `json:"notifyType"`
	Data       any    `json:"data"`
}

const (
	// noticeTime is the format of notifyTime in most of PayerMax's examples, oddNoticeTime that in others.
	noticeTime    = "2006-01-02T15:04:05.000-07:00"
	oddNoticeTime = "2006-01-02T15:04:05 -0700"
)

// paymentData is the data of a PAYMENT notification (page "collectResultNotifyUrl", and "authResultNotifyUrl" for an
// authorisation).
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

// paymentNotice is the notice about an order in a final state.
func paymentNotice(o *order) notice {
	code, msg := o.result()
	captureMode, authorizationType := o.modes()
	return notice{"PAYMENT", code, msg, o.outTradeNo, o.status, paymentData{
		OutTradeNo: o.outTradeNo, TradeToken: o.tradeToken, TotalAmount: number(o.amount), Currency: o.currency,
		Country: o.country, Status: o.status, CaptureMode: captureMode, AuthorizationType: authorizationType,
		CompleteTime: o.completeTime(), PaymentDetails: o.details(), Reference: o.reference,
	}}
}

// captureNotice is the notice about a capture in a final state (page "captureResultNotifyUrl"). The type CAPTURE is
// from the table and the example; the enumeration in the OpenAPI file has REFUND.
func captureNotice(c *capture) notice {
	code, msg := c.result()
	return notice{"CAPTURE", code, msg, c.order.outTradeNo, c.status, c.view()}
}

// cancelNotice is the notice about a cancellation (page "cancelResultNotifyUrl"). The source of its type is as for
// captureNotice.
func cancelNotice(c *cancellation) notice {
	return notice{"CANCEL", codeApplySuccess, "Success.", c.order.outTradeNo, statusSuccess, c.view()}
}

// refundNotice is the notice about a refund in a final state.
func refundNotice(r *refund) notice {
	code, msg := r.result()
	return notice{"REFUND", code, msg, r.outRefundNo, r.status, refundNoticeData{
		OutRefundNo: r.outRefundNo, RefundTradeNo: r.refundTradeNo, OutTradeNo: r.order.outTradeNo,
		RefundAmount: number(r.amount), RefundCurrency: r.currency, RefundFinishTime: r.finishTime(), Status: r.status,
	}}
}

// tokenization is the type of notifications of saved cards.
const tokenization = "TOKENIZATION"

// tokenNoticeData is the data of a TOKENIZATION notification, with the members of the example of the page
// "tokenizationNotifyUrl". The table there also has requestId, supportMIT and status, which belong to applications made
// with applyPaymentToken.
type tokenNoticeData struct {
	AccountDisplay     string `json:"accountDisplay"`
	Brand              string `json:"brand"`
	CardInfo           string `json:"cardInfo"`
	IfCVV              string `json:"ifCVV"`
	OutTradeNo         string `json:"outTradeNo"`
	PaymentMethodType  string `json:"paymentMethodType"`
	PaymentTokenExpiry string `json:"paymentTokenExpiry"`
	PaymentTokenID     string `json:"paymentTokenID"`
	PaymentTokenStatus string `json:"paymentTokenStatus"`
	TargetOrg          string `json:"targetOrg"`
	TokenScope         string `json:"tokenScope"`
	UserID             string `json:"userId"`
	Country            string `json:"country"`
	ReferralCode       string `json:"referralCode"`
}

// tokenNotice is the notice about a card that an order has saved, or whose status has changed later; outTradeNo is
// empty for the latter.
func tokenNotice(card *savedCard, outTradeNo string) notice {
	return notice{tokenization, codeApplySuccess, "Success.", card.paymentTokenID, card.status, tokenNoticeData{
		Brand: testCard.CardOrg, CardInfo: testCard.CardIdentifierNo, IfCVV: "N", OutTradeNo: outTradeNo,
		PaymentMethodType: card.method, PaymentTokenExpiry: formatTime(card.expiry), PaymentTokenID: card.paymentTokenID,
		PaymentTokenStatus: card.status, TokenScope: tokenAcquiring, UserID: card.userID, Country: card.country,
		ReferralCode: card.referralCode,
	}}
}

// body returns the notification that carries the notice to the merchant of a request.
func (n notice) body(req *request, now time.Time) noticeBody {
	format := noticeTime
	if req.faults.oddTime {
		format = oddNoticeTime
	}
	merchantNo := req.env.merchantNo
	if merchantNo == "" {
		merchantNo = req.merchant.MerchantNo
	}
	appID, merchantAppID := req.merchant.AppID, ""
	if n.notifyType == tokenization {
		appID, merchantAppID = "", appID
	}
	return noticeBody{
		Code: n.code, Msg: n.msg, KeyVersion: req.merchant.keyVersion(), AppID: appID, MerchantAppID: merchantAppID,
		MerchantNo: merchantNo, NotifyTime: now.UTC().Format(format), NotifyType: n.notifyType, Data: n.data,
	}
}
