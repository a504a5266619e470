package shop

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"time"
)

// The states of an order: PayerMax's, and that PayerMax has refused to make one.
const (
	statusPending = "PENDING"
	statusSuccess = "SUCCESS"
	statusRefused = "REFUSED"
)

// askAfter is how long a pending order waits for its notification before PayerMax is asked, again and again.
const askAfter = 5 * time.Second

// arrivesWithin is how long PayerMax takes a request after its requestTime. One that was lost on its way may still arrive.
const arrivesWithin = 2 * time.Minute

// order is what a buyer wants to pay. What may change is guarded by the shop's lock.
type order struct {
	number, user, sessionKey string

	status   string // empty until it is being paid
	redirect string
	events   []event
	asked    time.Time
	arrives  time.Time // until when a request that was lost may arrive
}

// event is something that the shop has learnt of an order.
type event struct {
	Time   string `json:"time"`
	Status string `json:"status"`
	Source string `json:"source"`
}

// orderView is what the buyer sees of an order.
type orderView struct {
	Number      string  `json:"number"`
	Status      string  `json:"status"`
	RedirectURL string  `json:"redirectUrl,omitempty"`
	Events      []event `json:"events"`
}

// order returns an order, or nil.
func (s *Shop) order(number string) *order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders[number]
}

// take makes an order one that is being paid, and reports false if it was one before.
func (s *Shop) take(o *order) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.status != "" {
		return false
	}
	o.status, o.asked = statusPending, time.Now()
	return true
}

// redirectTo remembers where the buyer completes the payment.
func (s *Shop) redirectTo(o *order, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.redirect = address
}

// mayArrive remembers that the request of an order may still be on its way.
func (s *Shop) mayArrive(o *order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.arrives = time.Now().Add(arrivesWithin)
}

// hasArrived reports whether no request of an order can still be on its way.
func (s *Shop) hasArrived(o *order) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().After(o.arrives)
}

// note keeps what was learnt of an order. A state that is final stays, whatever comes late.
func (s *Shop) note(o *order, status, source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.status == statusPending || o.status == "" {
		o.status = status
	}
	if n := len(o.events); n > 0 && o.events[n-1].Status == status && o.events[n-1].Source == source {
		return
	}
	o.events = append(o.events, event{time.Now().Format(time.TimeOnly), status, source})
}

// view returns an order as it is now.
func (s *Shop) view(o *order) orderView {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := orderView{Number: o.number, Status: o.status, Events: append([]event{}, o.events...)}
	if o.status == statusPending {
		v.RedirectURL = o.redirect
	}
	return v
}

// showState answers the order's page, which looks once a second.
func (s *Shop) showState(w http.ResponseWriter, r *http.Request) {
	o := s.order(r.PathValue("number"))
	if o == nil {
		http.Error(w, "there is no such order", http.StatusNotFound)
		return
	}
	if s.isOverdue(o) {
		s.ask(r.Context(), o)
	}
	reply(w, s.view(o))
}

// isOverdue reports whether it is time to ask for an order, and remembers that it is being asked for.
func (s *Shop) isOverdue(o *order) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.status != statusPending || time.Since(o.asked) < askAfter {
		return false
	}
	o.asked = time.Now()
	return true
}

// ask looks an order up. That PayerMax does not know it is an answer once no request for it can arrive any more: then the
// buyer need not wait, and can try again.
func (s *Shop) ask(ctx context.Context, o *order) {
	var found result
	switch err := s.call(ctx, "orderQuery", map[string]any{"outTradeNo": o.number}, &found); {
	case errors.Is(err, errNotExist) && s.hasArrived(o):
		s.note(o, statusRefused, "PayerMax has made no order")
	case err != nil:
		log.Printf("order %s: asking: %v", o.number, err)
	case found.isOf(o):
		s.note(o, found.Status, "answer to a query")
	}
}

// result is what PayerMax tells of an order, in answers to orderQuery and in notifications.
type result struct {
	OutTradeNo, Status, Currency string
	TotalAmount                  json.Number
}

// isOf reports whether a result is of the order, and of all its money.
func (r result) isOf(o *order) bool {
	told, err := r.TotalAmount.Float64()
	asked, _ := price.Float64() // the constant is a number
	return err == nil && r.OutTradeNo == o.number && told == asked && r.Currency == currency
}

// notified takes a notification that payermax_notify has verified. With "ack after", any 2xx is a receipt; what is not
// acknowledged comes again.
func (s *Shop) notified(w http.ResponseWriter, r *http.Request) {
	var n struct {
		NotifyType string
		Data       result
	}
	if r.Header.Get("Payermax-Verified") == "" || json.NewDecoder(r.Body).Decode(&n) != nil {
		http.Error(w, "not a verified notification", http.StatusForbidden)
		return
	}
	o := s.order(n.Data.OutTradeNo)
	switch {
	case n.NotifyType != "PAYMENT": // of nothing that this shop does
	case o == nil || !n.Data.isOf(o):
		log.Print("a notification is of no order of ours, or of another amount")
	default:
		s.note(o, n.Data.Status, "notification")
	}
	w.WriteHeader(http.StatusNoContent)
}
