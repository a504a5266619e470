package sandbox

import (
	"cmp"
	"encoding/json"
)

// orderView is the data of a successful orderQuery: the members on its page that apply to a simulated payment, and
// those that the "Auth-Capture" guide adds.
type orderView struct {
	Reference         string          `json:"reference,omitempty"`
	OutTradeNo        string          `json:"outTradeNo"`
	TradeToken        string          `json:"tradeToken"`
	TotalAmount       json.Number     `json:"totalAmount"`
	Currency          string          `json:"currency"`
	Country           string          `json:"country"`
	CashierCountry    string          `json:"cashierCountry"`
	Status            string          `json:"status"`
	CaptureMode       string          `json:"captureMode,omitempty"`
	AuthorizationType string          `json:"authorizationType,omitempty"`
	ResultCode        string          `json:"resultCode,omitempty"`
	ResultMsg         string          `json:"resultMsg"`
	CreateTime        string          `json:"createTime"`
	CompleteTime      string          `json:"completeTime,omitempty"`
	PaymentDetails    []paymentDetail `json:"paymentDetails"`
}

// paymentDetail says how an order was paid. It shows the test card of PayerMax's examples, whatever component was used.
type paymentDetail struct {
	PaymentMethodType string   `json:"paymentMethodType"`
	PaymentTokenID    string   `json:"paymentTokenID,omitempty"`
	CardInfo          cardInfo `json:"cardInfo"`
}

// testCard is the masked card that every payment shows.
var testCard = cardInfo{CardOrg: "VISA", CardIdentifierNo: "424242******0000", CardIdentifierName: "**D"}

type cardInfo struct {
	CardOrg            string `json:"cardOrg"`
	CardIdentifierNo   string `json:"cardIdentifierNo"`
	CardIdentifierName string `json:"cardIdentifierName"`
}

// orderQuery returns the state of an order (page "orderQuery").
func orderQuery(req *request) (any, *refusal) {
	if refused := req.data.require("outTradeNo"); refused != nil {
		return nil, refused
	}
	var outTradeNo string
	if refused := req.data.read(member{"outTradeNo", 1, 64, &outTradeNo}); refused != nil {
		return nil, refused
	}
	o := req.world.ledger.order(req.merchant.AppID, outTradeNo, "")
	if o == nil {
		return nil, refuse(codeOrderNotExist)
	}
	status, code, msg := o.state(req.gateway.now())
	captureMode, authorizationType := o.modes()
	return orderView{
		Reference: o.reference, OutTradeNo: o.outTradeNo, TradeToken: o.tradeToken,
		TotalAmount: number(o.amount), Currency: o.currency, Country: o.country, CashierCountry: o.country,
		Status: status, CaptureMode: captureMode, AuthorizationType: authorizationType, ResultCode: code, ResultMsg: msg,
		CreateTime: formatTime(o.created), CompleteTime: o.completeTime(), PaymentDetails: o.details(),
	}, nil
}

// result returns the code and the message for an order. The messages for failed and closed orders are from PayerMax's
// notification examples. There, both have the same code: only data.status distinguishes them.
func (o *order) result() (code, msg string) {
	switch o.status {
	case statusFailed:
		return codePaymentFailed, "Provider failed to process."
	case statusClosed:
		return codePaymentFailed, "Payment was not completed on time."
	case statusPending:
		return codePaymentProcessing, messages[codePaymentProcessing]
	default:
		return codeApplySuccess, "Success."
	}
}

// completeTime returns when an order was paid or failed, or "" if it is pending or closed.
func (o *order) completeTime() string {
	if o.status == statusPending || o.status == statusClosed {
		return ""
	}
	return formatTime(o.completed)
}

// paidBy returns the paymentMethodType that an order was paid with: CARD, unless the order or its saved card names
// another.
func (o *order) paidBy() string { return cmp.Or(o.method, "CARD") }

// details returns what an order was paid with, or an empty array if it was not paid (paymentDetails on the page
// "orderQuery": "when the transaction failed, []").
func (o *order) details() []paymentDetail {
	if o.status != statusSuccess {
		return []paymentDetail{}
	}
	return []paymentDetail{{PaymentMethodType: o.paidBy(), PaymentTokenID: o.paymentTokenID, CardInfo: testCard}}
}
