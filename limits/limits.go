// Package limits bounds what is signed: who may call which endpoint, for how much, and
// how often.
package limits

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/time/rate"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// Limits bound what is signed, in case an attacker controls the application: it does
// not have the key, but it can have calls signed.
type Limits struct {
	Quota

	// Who the caller is: a placeholder of what has authenticated the request,
	// such as `{http.auth.user.id}` or `{http.request.tls.client.subject}`. If it
	// is set, unknown callers are refused.
	CallerID string `json:"caller_id,omitempty"`

	// The callers by their ID, and what each may have signed.
	Callers map[string]Caller `json:"callers,omitempty"`
}

// Caller is what one caller may have signed, within what is allowed at all.
type Caller struct {
	// The endpoints, in the terms of the handler's own option. Default: all
	// that are enabled.
	Endpoints []string `json:"endpoints,omitempty"`

	Quota
}

// Quota is how much may be signed.
type Quota struct {
	// The largest amount of one request by its currency, in major units, such as
	// `"USD": "250.00"`. If any is set, requests in other currencies are
	// refused, and so are amounts that cannot be read.
	MaxAmounts map[string]string `json:"max_amounts,omitempty"`

	// How many requests per second are signed on average; what could not be signed
	// or sent is not counted. Default: no limit.
	Rate float64 `json:"rate,omitempty"`

	// How many requests may be signed at once after a quiet time. Default: as many as
	// in one second.
	Burst int `json:"burst,omitempty"`
}

// Endpoint is an endpoint that is enabled.
type Endpoint struct {
	protocol.Endpoint
	// Rules are the rules for its data, or nil if it has none.
	Rules *validate.RuleSet
}

// Enforced are Limits that are ready to be enforced. If it is nil, nothing is limited.
type Enforced struct {
	quota
	taking   sync.Mutex // from several rates, or giving back: all or none
	callerID string
	callers  map[string]*Allowance
}

// Allowance is what one caller may have signed.
type Allowance struct {
	quota
	endpoints map[string]bool // nil if all
}

type quota struct {
	ceilings map[string]*big.Rat
	rate     *rate.Limiter // nil if unlimited
}

// Open checks the limits and makes them ready. A limit that could not be enforced for
// one of the endpoints that are enabled is an error.
func (l *Limits) Open(enabled []Endpoint) (*Enforced, error) {
	if l == nil {
		return nil, nil
	}
	opened := &Enforced{callerID: l.CallerID, callers: make(map[string]*Allowance, len(l.Callers))}
	var err error
	if opened.quota, err = l.Quota.open(enabled); err != nil {
		return nil, err
	}
	if (l.CallerID == "") != (len(l.Callers) == 0) {
		return nil, fmt.Errorf("caller_id and callers belong together: the one says who calls, the others who may")
	}
	for id, c := range l.Callers {
		if opened.callers[id], err = c.open(enabled); err != nil {
			return nil, fmt.Errorf("caller %s: %w", id, err)
		}
	}
	return opened, nil
}

func (c Caller) open(enabled []Endpoint) (*Allowance, error) {
	opened := new(Allowance)
	if len(c.Endpoints) > 0 {
		allowed, err := protocol.Select(c.Endpoints)
		if err != nil {
			return nil, fmt.Errorf("endpoints: %w", err)
		}
		opened.endpoints = make(map[string]bool)
		for _, e := range allowed {
			isEnabled := slices.ContainsFunc(enabled, func(other Endpoint) bool { return other.Name == e.Name })
			if !isEnabled && slices.Contains(c.Endpoints, e.Name) {
				return nil, fmt.Errorf("endpoints: %s is not enabled in this sidecar; enable it there as well", e.Name)
			}
			opened.endpoints[e.Name] = true
		}
	}
	var err error
	opened.quota, err = c.Quota.open(enabled)
	return opened, err
}

func (q Quota) open(enabled []Endpoint) (quota, error) {
	var opened quota
	if q.Rate < 0 || q.Burst < 0 || math.IsNaN(q.Rate) || math.IsInf(q.Rate, 0) {
		return opened, fmt.Errorf("rate: must be a positive number of requests per second")
	}
	if q.Burst > 0 && q.Rate == 0 {
		return opened, fmt.Errorf("burst: has no meaning without a rate")
	}
	if q.Rate > 0 {
		burst := q.Burst
		if burst == 0 {
			burst = int(math.Ceil(q.Rate))
		}
		opened.rate = rate.NewLimiter(rate.Limit(q.Rate), burst)
	}
	if len(q.MaxAmounts) == 0 {
		return opened, nil
	}

	opened.ceilings = make(map[string]*big.Rat, len(q.MaxAmounts))
	for currency, amount := range q.MaxAmounts {
		if err := (validate.Contract{Currencies: []string{currency}}).Check(); err != nil {
			return opened, fmt.Errorf("max_amount: %w", err)
		}
		ceiling, err := parseAmount(amount)
		if err != nil {
			return opened, fmt.Errorf("max_amount %s: %w", currency, err)
		}
		opened.ceilings[currency] = ceiling
	}
	for _, e := range enabled {
		if e.MovesMoney && e.Rules == nil {
			return opened, fmt.Errorf("max_amount: cannot be enforced for %s, whose amounts this sidecar does not know; do not enable that endpoint beside max_amount", e.Name)
		}
	}
	return opened, nil
}

// parseAmount reads a plain decimal number of the config.
func parseAmount(text string) (*big.Rat, error) {
	amount, ok := new(big.Rat).SetString(text)
	if !ok || amount.Sign() < 0 || strings.Trim(text, "0123456789.") != "" {
		return nil, fmt.Errorf("%q is not an amount; write it in major units, such as 250.00", text)
	}
	return amount, nil
}

// Admit finds out who calls, and whether that caller may call the endpoint. It
// returns nil if no callers are configured.
func (l *Enforced) Admit(endpoint string, repl *caddy.Replacer) (*Allowance, error) {
	if l == nil || l.callerID == "" {
		return nil, nil
	}
	// A placeholder that is unknown or empty names nobody.
	id, err := setting.Replace(repl, l.callerID, true, true)
	known, ok := l.callers[id]
	if err != nil || !ok {
		return nil, reply.Denied(ByCaller, http.StatusForbidden, "CALLER_NOT_ALLOWED",
			"the sidecar does not know this caller; authenticate, or have the operator add it to the callers")
	}
	if known.endpoints != nil && !known.endpoints[endpoint] {
		return nil, reply.Denied(ByEndpoint, http.StatusForbidden, "CALLER_NOT_ALLOWED",
			endpoint+" is not among the endpoints that this caller may use; the operator can add it")
	}
	return known, nil
}

// Allow decides whether a request that is otherwise in order may be signed: by
// its amounts, and by how many there have been. What it takes of the rates can be
// given back.
func (l *Enforced) Allow(by *Allowance, rules *validate.RuleSet, data []byte) (Taken, error) {
	if l == nil {
		return Taken{}, nil
	}
	quotas := []*quota{&l.quota}
	if by != nil {
		quotas = append(quotas, &by.quota)
	}
	for _, q := range quotas {
		if err := q.allowAmounts(rules, data); err != nil {
			return Taken{}, err
		}
	}
	return l.take(quotas)
}

// allowAmounts compares the amounts that the request would move with the
// ceilings. What cannot be compared is refused.
func (q *quota) allowAmounts(rules *validate.RuleSet, data []byte) error {
	if q.ceilings == nil || rules == nil {
		return nil
	}
	amounts, err := rules.Amounts(data)
	if problem, ok := errors.AsType[*validate.AmountError](err); ok {
		return deniedAmount(validate.Violation{Field: problem.Field, Rule: "limit",
			Message: problem.Message + "; the sidecar limits amounts, and refuses what it cannot compare"})
	}
	if err != nil {
		return fmt.Errorf("reading the amounts: %w", err)
	}
	for _, amount := range amounts {
		ceiling, ok := q.ceilings[amount.Currency]
		switch {
		case !ok:
			return deniedAmount(validate.Violation{Field: amount.Field, Rule: "limit",
				Message: "the amount is in a currency that this sidecar does not sign; it signs " + strings.Join(slices.Sorted(maps.Keys(q.ceilings)), ", ")})
		case amount.Value.Cmp(ceiling) > 0:
			return deniedAmount(validate.Violation{Field: amount.Field, Rule: "limit",
				Message: "the amount is more than this sidecar signs in " + amount.Currency + "; the operator can raise max_amount"})
		}
	}
	return nil
}

// Taken is what a request has used up: one of each rate that counts it.
type Taken struct {
	from  *Enforced
	rates []*rate.Limiter
}

// take uses up one request of each rate, or of none if one of them is used up:
// what is not signed must not count against anybody.
func (l *Enforced) take(quotas []*quota) (Taken, error) {
	l.taking.Lock()
	defer l.taking.Unlock()
	now := time.Now()
	for _, q := range quotas {
		if q.rate != nil && q.rate.TokensAt(now) < 1 {
			return Taken{}, q.usedUp()
		}
	}
	t := Taken{from: l}
	for _, q := range quotas {
		if q.rate != nil {
			q.rate.AllowN(now, 1)
			t.rates = append(t.rates, q.rate)
		}
	}
	return t, nil
}

// GiveBack returns what was taken, for a request that never left: it could not be
// signed, or nothing of it was sent. Until then it counts, so that no more than the
// rate are ever under way. (The Cancel of a rate.Reservation gives nothing back once
// its time has come, and here it comes at once.)
func (t Taken) GiveBack() {
	if len(t.rates) == 0 {
		return
	}
	t.from.taking.Lock()
	defer t.from.taking.Unlock()
	now := time.Now() // under the lock, or a rate could get an earlier time than before
	for _, r := range t.rates {
		r.AllowN(now, -1)
	}
}

// usedUp refuses a request beyond the rate.
func (q *quota) usedUp() error {
	f := reply.Denied(ByRate, http.StatusTooManyRequests, "TOO_MANY_REQUEST",
		"more requests per second than this sidecar signs; nothing was sent, so it is safe to try again later")
	f.Header = http.Header{"Retry-After": {strconv.Itoa(max(1, int(math.Ceil(1/float64(q.rate.Limit())))))}}
	return f
}

// The limits as the metric names them.
const (
	ByEndpoint = "endpoint"
	ByCaller   = "caller"
	ByAmount   = "amount"
	ByRate     = "rate"
)

func deniedAmount(v validate.Violation) *reply.Refusal {
	f := reply.Denied(ByAmount, http.StatusForbidden, "AMOUNT_LIMIT_MAXIMUM", v.Message)
	f.Errors = []validate.Violation{v}
	return f
}
