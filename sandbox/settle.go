package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// settlement says how a pending order or refund ends, in the format of POST /sandbox/settle.
type settlement struct {
	AppID       string `json:"appId"`
	OutTradeNo  string `json:"outTradeNo"`
	OutRefundNo string `json:"outRefundNo"`
	Status      string `json:"status"`
}

// serveSettle settles a pending order or refund.
func (g *Gateway) serveSettle(w http.ResponseWriter, r *http.Request) {
	var s settlement
	err := readControl(w, r, &s)
	if err == nil {
		err = g.settle(s)
	}
	if err != nil {
		controlError(w, http.StatusBadRequest, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// settle settles a pending order or refund. The appId is optional if there is only one merchant.
func (g *Gateway) settle(s settlement) error {
	if s.AppID == "" && len(g.merchants) == 1 {
		for appID := range g.merchants {
			s.AppID = appID
		}
	}
	p, finals, err := g.pending(s)
	if err != nil {
		return err
	}
	if !slices.Contains(finals, s.Status) {
		return fmt.Errorf("status: must be one of %v", finals)
	}
	if !g.state().ledger.settle(p, s.Status, g.now()) {
		return errors.New("it is not pending any more")
	}
	g.state().changed()
	return nil
}

// pending returns the progress that a settlement names, and its possible final states.
func (g *Gateway) pending(s settlement) (p *progress, finals []string, err error) {
	l := &g.state().ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case s.OutTradeNo != "" && s.OutRefundNo == "":
		if o := l.find(s.AppID, s.OutTradeNo, ""); o != nil {
			return &o.progress, []string{statusSuccess, statusFailed, statusClosed}, nil
		}
		return nil, nil, errors.New("outTradeNo: there is no such order")
	case s.OutRefundNo != "" && s.OutTradeNo == "":
		if r := l.refunds.get(numberKey(s.AppID, s.OutRefundNo)); r != nil {
			return &r.progress, []string{refundSuccess, refundFailed}, nil
		}
		return nil, nil, errors.New("outRefundNo: there is no such refund")
	default:
		return nil, nil, errors.New("name either an outTradeNo or an outRefundNo")
	}
}
