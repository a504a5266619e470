package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// settlement tells the sandbox how something pending ends, as POST /sandbox/settle takes it.
type settlement struct {
	AppID       string `json:"appId"`
	OutTradeNo  string `json:"outTradeNo"`
	OutRefundNo string `json:"outRefundNo"`
	Status      string `json:"status"`
}

// serveSettle ends what is pending.
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

// settle ends a pending order or a pending refund. Without an appId it is that of the only merchant.
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

// pending returns the progress that a settlement names, and what it can end in.
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
