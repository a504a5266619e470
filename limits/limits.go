// Package limits bounds what is signed: who may call which endpoint, for how much, how
// much in an hour, a day or a month, and how often.
package limits

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// Limits bound what is signed, in case an attacker controls the application: the
// attacker does not have the key, but can have calls signed.
type Limits struct {
	Quota

	// How to identify the caller: a placeholder that authentication sets, such as
	// `{http.auth.user.id}` or `{http.request.tls.client.subject}`. With this option,
	// unknown callers are refused.
	CallerID string `json:"caller_id,omitempty"`

	// The callers by their ID, and what each may have signed.
	Callers map[string]Caller `json:"callers,omitempty"`

	// Whether a call that moves money is refused while another one with the same number
	// is in progress: an order, refund or capture of the same merchant with the same
	// `outTradeNo`, `outRefundNo` or `requestId`. Answers are not remembered: once the
	// first call has ended, PayerMax decides about the next. Default: false.
	RefuseDoubles bool `json:"refuse_doubles,omitempty"`

	// What happens, while a shared store cannot be reached, to calls that count against
	// a budget or that `refuse_doubles` checks: `refuse` refuses them; `alone` counts
	// them in this process alone, against its share of each budget, which `replicas`
	// sets. Default: `refuse`.
	WithoutStore string `json:"without_store,omitempty"`

	// How many replicas share the store. While it cannot be reached, each replica signs
	// no more than its share of each rate and, with `without_store alone`, of each
	// budget. Default: 1, so that each replica may sign all of it.
	Replicas int `json:"replicas,omitempty"`
}

// Quota is how much may be signed.
type Quota struct {
	// The largest amount of one request by its currency, in major units, such as
	// `"USD": "250.00"`. If any is set, the sidecar refuses requests in other
	// currencies and amounts that it cannot read.
	MaxAmounts map[string]string `json:"max_amounts,omitempty"`

	// How much money may be moved in an hour, a day or a month. Each merchant has this
	// budget to itself, and each caller has its own within it. Default: no limit.
	Budgets []Budget `json:"budgets,omitempty"`

	// How many requests per second are signed on average. Requests that could not be
	// signed or sent do not count. With a shared store, this is the rate of all
	// replicas together. Default: no limit.
	Rate float64 `json:"rate,omitempty"`

	// How many requests may be signed at once after a quiet time. Default: as many as
	// in one second.
	Burst int `json:"burst,omitempty"`
}

// Endpoint is an enabled endpoint.
type Endpoint struct {
	protocol.Endpoint
	// Rules are the rules for its data, or nil if there are none.
	Rules *validate.RuleSet
}

// Merchant is the merchant that calls are made for. MerchantNo is "" if the config names
// none.
type Merchant struct{ AppID, MerchantNo string }

// Place describes the handler whose calls are limited.
type Place struct {
	// Enabled are the enabled endpoints.
	Enabled []Endpoint
	// Merchants are the merchants that calls are made for.
	Merchants []Merchant
	// Store counts what is used up.
	Store stores.Store
	// Longest is how long a call can be in progress.
	Longest time.Duration
	Logger  *zap.Logger
}

// Enforced are Limits that are ready to be enforced. If it is nil, nothing is limited.
type Enforced struct {
	quota
	callerID      string
	callers       map[string]*Allowance
	refuseDoubles bool
	ledger        *ledger
}

// quota is a Quota that is ready to be enforced.
type quota struct {
	ceilings ceilings
	budgets  []*budget
	rate     *stores.Rate // nil if unlimited
}

// Open checks the limits and prepares them. A limit that could not be enforced for one of the
// enabled endpoints is an error. Close releases what Open has opened.
func (l *Limits) Open(at Place) (*Enforced, error) {
	if l == nil {
		return nil, nil
	}
	opened := &Enforced{callerID: l.CallerID, callers: make(map[string]*Allowance, len(l.Callers)), refuseDoubles: l.RefuseDoubles}
	var err error
	if opened.quota, err = l.Quota.open("", at, at.Enabled); err != nil {
		return nil, err
	}
	if (l.CallerID == "") != (len(l.Callers) == 0) {
		return nil, fmt.Errorf("caller_id and callers belong together: caller_id says who calls, and callers say who may; set both, or neither")
	}
	if doubt, next := l.DoubtAboutCallerID(); doubt != "" {
		at.Logger.Warn("limits: caller_id: " + doubt + "; " + next)
	}
	for id, c := range l.Callers {
		if opened.callers[id], err = c.open(id, at); err != nil {
			return nil, fmt.Errorf("caller %s: %w", id, err)
		}
	}
	if err := opened.checkCurrencies(at); err != nil {
		return nil, err
	}
	if opened.ledger, err = l.openLedger(at); err != nil {
		return nil, err
	}
	inUse.Add(opened)
	return opened, nil
}

// open prepares the quota of a caller, or of all callers if caller is "".
func (q Quota) open(caller string, at Place, enabled []Endpoint) (opened quota, err error) {
	if opened.rate, err = q.openRate(caller, at.Merchants); err != nil {
		return opened, err
	}
	if opened.ceilings, err = openCeilings(q.MaxAmounts, enabled); err != nil {
		return opened, err
	}
	opened.budgets, err = openBudgets(q.Budgets, caller, at.Merchants, enabled)
	return opened, err
}

// AwaitSettled gives the store a moment to receive the outcomes of the calls. Call it after
// the last call, before the store is closed.
func (l *Enforced) AwaitSettled() {
	if l != nil && l.ledger.shared != nil {
		l.ledger.shared.settlements.wait()
	}
}

// Close releases the limits.
func (l *Enforced) Close() {
	if l != nil {
		inUse.Remove(l)
		l.ledger.close()
	}
}

// Call is a call to be signed.
type Call struct {
	Endpoint
	Merchant
	// By is what the caller may have signed, as Admit has returned it.
	By *Allowance
	// Body is the application's request, and Data its data.
	Body, Data []byte
}

// Reserve decides whether an otherwise valid call may be signed, and takes what it needs from
// the rates and budgets. What was taken must be settled.
func (l *Enforced) Reserve(ctx context.Context, c Call) (*Reserved, error) {
	if l == nil {
		return nil, nil
	}
	quotas := []*quota{&l.quota}
	if c.By != nil {
		quotas = append(quotas, &c.By.quota)
	}
	amounts, err := l.amountsOf(c, quotas)
	if err != nil {
		return nil, err
	}
	needed := l.ledger.newNeed()
	for _, q := range quotas {
		if err := q.ceilings.allow(amounts); err != nil {
			return nil, err
		}
		if err := needed.addBudgets(q, c, amounts); err != nil {
			return nil, err
		}
		needed.addRate(q.rate)
	}
	if l.refuseDoubles {
		if err := needed.addNumber(c); err != nil {
			return nil, err
		}
	}
	return l.ledger.take(ctx, needed)
}

// The limits, as the metric names them.
const (
	ByEndpoint = "endpoint"
	ByCaller   = "caller"
	ByAmount   = "amount"
	ByBudget   = "budget"
	ByRate     = "rate"
	ByDouble   = "double"
	ByStore    = "store"
)

// Names lists the limits.
var Names = []string{ByEndpoint, ByCaller, ByAmount, ByBudget, ByRate, ByDouble, ByStore}
