package main

import (
	"encoding/json"
	"net/http"
	"sync"
)

// notified counts how often each order's notification has arrived.
type notified struct {
	mu     sync.Mutex
	orders map[string]int
}

// accept handles a notification that the sidecar has verified.
func (n *notified) accept(w http.ResponseWriter, r *http.Request) {
	var said struct{ Data struct{ OutTradeNo string } }
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil || r.Header.Get("Payermax-Verified") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.orders == nil {
		n.orders = make(map[string]int)
	}
	n.orders[said.Data.OutTradeNo]++
}

// report writes how often each notification has arrived, as JSON.
func (n *notified) report(w http.ResponseWriter, _ *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = json.NewEncoder(w).Encode(n.orders)
}
