package shop

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"time"
)

// The states of an order: PayerMax's, and REFUSED if PayerMax has made no order.
const (
	statusPending = "PENDING"
	statusSuccess = "SUCCESS"
	statusRefused = "REFUSED"
)

// askAfter is how long the shop waits for the notification of a pending order before it queries PayerMax, and the
// interval between queries.
const askAfter = 5 * time.Second

// arrivesWithin is how long after its requestTime PayerMax accepts a request. A request that seems lost may still
// arrive in that time.
const arrivesWithin = 2 * time.Minute

// order is an order of a buyer. The shop's lock guards the fields that change.
type order struct {
	number, user, sessionKey string

	status   string // empty until the payment is started
	redirect string
	events   []event
	asked    time.Time
	arrives  time.Time // until when a lost request may still arrive
}

// event is something that the shop has learned about an order.
type event struct {
	Time   string `json:"time"`
	Status string `json:"status"`
	Source string `json:"source"`
}

// orderView is an order as the buyer sees it.
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

// take marks an order as being paid, and reports false if it was marked before.
func (s *Shop) take(o *order) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.status != "" {
		return false
	}
	o.status, o.asked = statusPending, time.Now()
	return true
}

// redirectTo records where the buyer completes the payment.
func (s *Shop) redirectTo(o *order, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.redirect = address
}

// mayArrive records that the request of an order may still be on its way.
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

// note records what the shop has learned about an order. It does not change a final state.
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

// view returns the current state of an order.
func (s *Shop) view(o *order) orderView {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := orderView{Number: o.number, Status: o.status, Events: append([]event{}, o.events...)}
	if o.status == statusPending {
		v.RedirectURL = o.redirect
	}
	return v
}

// showState answers the order's page, which polls once a second.
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

// isOverdue reports whether it is time to query an order, and if so records that it is being queried.
func (s *Shop) isOverdue(o *order) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.status != statusPending || time.Since(o.asked) < askAfter {
		return false
	}
	o.asked = time.Now()
	return true
}

// ask queries an order. If PayerMax does not know it, that is final once no request for it can arrive any more: then
// the buyer need not wait, and can try again.
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

// result is PayerMax's data about an order, in answers to orderQuery and in notifications.
type result struct {
	OutTradeNo, Status, Currency string
	TotalAmount                  json.Number
}

// isOf reports whether a result is about the order and its full amount.
func (r result) isOf(o *order) bool {
	told, err := r.TotalAmount.Float64()
	asked, _ := price.Float64() // price is a valid number
	return err == nil && r.OutTradeNo == o.number && told == asked && r.Currency == currency
}

// notified handles a notification that payermax_notify has verified. With "ack after", any 2xx status acknowledges it;
// otherwise PayerMax sends it again.
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
	case n.NotifyType != "PAYMENT": // not about anything that this shop does
	case o == nil || !n.Data.isOf(o):
		log.Print("a notification is of no order of ours, or of another amount")
	default:
		s.note(o, n.Data.Status, "notification")
	}
	w.WriteHeader(http.StatusNoContent)
}
