package shop

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"log"
	"net/http"
)

// begin opens a session for a new order. It creates the order's number, which is paid once, however often the buyer
// clicks.
func (s *Shop) begin(w http.ResponseWriter, r *http.Request) {
	var keys struct{ ClientKey, SessionKey string }
	o := &order{number: "SHOP" + rand.Text(), user: "U" + rand.Text()}
	err := s.call(r.Context(), "applyDropinSession", map[string]any{
		"totalAmount": price, "currency": currency, "country": country, "userId": o.user, "componentList": []string{"CARD"},
	}, &keys)
	if err != nil {
		log.Printf("opening a session: %v", err)
		http.Error(w, "the payment form is not available now", http.StatusBadGateway)
		return
	}
	o.sessionKey = keys.SessionKey
	s.mu.Lock()
	s.orders[o.number] = o
	s.mu.Unlock()
	reply(w, map[string]any{"number": o.number, "clientKey": keys.ClientKey, "sessionKey": keys.SessionKey})
}

// pay places the order with the paymentToken that the component has created for the buyer's card.
func (s *Shop) pay(w http.ResponseWriter, r *http.Request) {
	var in struct{ PaymentToken string }
	o := s.order(r.PathValue("number"))
	if o == nil || json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&in) != nil {
		http.Error(w, "there is no such order to be paid", http.StatusBadRequest)
		return
	}
	if !s.take(o) {
		reply(w, s.view(o)) // a payment was already started
		return
	}
	var paid struct{ Status, RedirectURL string }
	err := s.call(r.Context(), "orderAndPay", map[string]any{
		"outTradeNo": o.number, "integrate": "Direct_Payment", "subject": subject, "totalAmount": price, "currency": currency,
		"country": country, "userId": o.user, "terminalType": "WEB",
		"notifyUrl": s.config.NotifyURL, "frontCallbackUrl": "http://" + r.Host + "/orders/" + o.number,
		"paymentDetail": map[string]any{
			"paymentToken": in.PaymentToken, "sessionKey": o.sessionKey,
			"buyerInfo": map[string]any{"clientIp": "127.0.0.1", "userAgent": r.UserAgent()},
		},
	}, &paid)
	switch {
	case errors.Is(err, errRefused):
		log.Printf("order %s: %v", o.number, err)
		s.note(o, statusRefused, "PayerMax has made no order")
	case errors.Is(err, errLost): // there may be an order: showState will query it
		log.Printf("order %s: %v", o.number, err)
		s.mayArrive(o)
		s.note(o, statusPending, "the answer was lost")
	case err != nil:
		log.Printf("order %s: %v", o.number, err)
		s.note(o, statusPending, "PayerMax did not say whether it made the order")
	default:
		s.redirectTo(o, paid.RedirectURL)
		s.note(o, paid.Status, "answer to the order")
	}
	reply(w, s.view(o))
}
