package limits

import (
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// Budget is how much money may be moved in a window of time. Only calls that move money
// count, such as orderAndPay, refund and capture; applyDropinSession does not, since
// orderAndPay moves what it announces.
type Budget struct {
	// The currency by its ISO 4217 code, such as `USD`. Calls in currencies without a
	// budget are refused.
	Currency string `json:"currency"`

	// The amount in major units, such as `10000` or `250.50`.
	Amount string `json:"amount"`

	// The window: `hour`, `day` or `month`, in UTC.
	Per string `json:"per"`

	// The endpoints that count, together: names, `drop_in` or `all`. Default: all that
	// are enabled and move money.
	Endpoints []string `json:"endpoints,omitempty"`
}

// maxMinorUnits bounds budgets, so that every store can count in them exactly.
const maxMinorUnits = 1<<53 - 1

// budget is a Budget that is ready to be enforced. Every merchant has one of its own.
type budget struct {
	Budget
	window   stores.Window
	limit    int64 // in minor units
	decimals int
	caller   string   // "" for all
	only     []string // endpoints, or nil for all
	keys     map[Merchant]stores.Key
}

// openBudgets prepares the budgets of a caller, or those for all callers if caller is "".
func openBudgets(configured []Budget, caller string, merchants []Merchant, enabled []Endpoint) ([]*budget, error) {
	var opened []*budget
	for _, b := range configured {
		next, err := b.open(caller, enabled)
		if err != nil {
			return nil, fmt.Errorf("budget %s: %w", b.Currency, err)
		}
		for _, other := range opened {
			if other.Currency == next.Currency && other.window == next.window && slices.Equal(other.only, next.only) {
				return nil, fmt.Errorf("budget %s per %s is already set for the same endpoints", b.Currency, b.Per)
			}
		}
		for _, m := range merchants {
			next.keys[m] = scope.Key("budget", m.AppID, m.MerchantNo, caller, strings.Join(next.only, " "), b.Currency, b.Per)
		}
		opened = append(opened, next)
	}
	return opened, nil
}

// open prepares the budget.
func (b Budget) open(caller string, enabled []Endpoint) (*budget, error) {
	decimals, ok := validate.Decimals(b.Currency)
	if !ok {
		return nil, errors.New("expected the ISO 4217 code of a currency in use, such as USD")
	}
	if !slices.Contains(stores.Windows, stores.Window(b.Per)) {
		return nil, fmt.Errorf("expected per hour, per day or per month, but it is per %q", b.Per)
	}
	amount, err := parseAmount(b.Amount)
	if err != nil {
		return nil, err
	}
	limit := minorUnits(amount, decimals)
	switch {
	case new(big.Rat).SetInt(limit).Cmp(inMinorUnits(amount, decimals)) != 0:
		return nil, fmt.Errorf("%s has %d decimals in PayerMax's tables; write an amount such as %s", b.Currency, decimals, majorUnits(12345, decimals))
	case limit.Cmp(big.NewInt(maxMinorUnits)) >= 0:
		return nil, errors.New("the amount is too large to be counted exactly; it must be below 2^53 minor units")
	}
	opened := &budget{Budget: b, window: stores.Window(b.Per), limit: limit.Int64(), decimals: decimals, caller: caller, keys: make(map[Merchant]stores.Key)}
	opened.only, err = b.openEndpoints(enabled)
	return opened, err
}

// openEndpoints returns the endpoints that count, sorted, or nil if all of them do.
func (b Budget) openEndpoints(enabled []Endpoint) ([]string, error) {
	named, err := protocol.Select(b.Endpoints, grammar.Suggest)
	if err != nil {
		return nil, fmt.Errorf("endpoints: %w", err)
	}
	var only []string
	for _, e := range named {
		isNamed := slices.Contains(b.Endpoints, e.Name)
		isEnabled := slices.ContainsFunc(enabled, func(other Endpoint) bool { return other.Name == e.Name })
		switch {
		case e.MovesMoney && isEnabled:
			only = append(only, e.Name)
		case isNamed && !e.MovesMoney:
			return nil, fmt.Errorf("endpoints: %s moves no money, so there is nothing to count; remove it", e.Name)
		case isNamed:
			return nil, fmt.Errorf("endpoints: %s is not enabled; enable it, or remove it here", e.Name)
		}
	}
	slices.Sort(only)
	counts := func(e Endpoint) bool { return e.MovesMoney && (only == nil || slices.Contains(only, e.Name)) }
	if !slices.ContainsFunc(enabled, counts) {
		return nil, errors.New("no enabled endpoint moves money, so there is nothing to count; enable one, such as orderAndPay, or remove the budget")
	}
	for _, e := range enabled {
		if counts(e) {
			if err := e.checkAmountsAreKnown("budget"); err != nil {
				return nil, err
			}
		}
	}
	return only, nil
}

// counts reports whether calls of the endpoint count.
func (b *budget) counts(e Endpoint) bool {
	return e.MovesMoney && (b.only == nil || slices.Contains(b.only, e.Name))
}

// budgetsOf returns the budgets that calls of the endpoint count against.
func (q *quota) budgetsOf(e Endpoint) []*budget {
	return slices.DeleteFunc(slices.Clone(q.budgets), func(b *budget) bool { return !b.counts(e) })
}

// addBudgets makes the amounts of the call count against the quota's budgets. It refuses an
// amount in a currency without a budget.
func (n *need) addBudgets(q *quota, c Call, amounts []validate.Amount) error {
	counting := q.budgetsOf(c.Endpoint)
	if len(counting) == 0 {
		return nil
	}
	for _, amount := range amounts {
		if !slices.ContainsFunc(counting, func(b *budget) bool { return b.Currency == amount.Currency }) {
			return beyondBudget(amount.Field, "budget", "this sidecar has no budget in this currency; it has budgets in "+currencies(counting))
		}
	}
	for _, b := range counting {
		n.addBudget(b, c.Merchant, amounts)
	}
	return nil
}

// currencies lists the currencies of the budgets.
func currencies(budgets []*budget) string {
	var list []string
	for _, b := range budgets {
		list = append(list, b.Currency)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// addBudget makes the amounts in the budget's currency count against the budget.
func (n *need) addBudget(b *budget, of Merchant, amounts []validate.Amount) {
	sum, field := new(big.Int), ""
	for _, amount := range amounts {
		if amount.Currency == b.Currency {
			sum.Add(sum, minorUnits(amount.Value, b.decimals))
			field = amount.Field
		}
	}
	if sum.Sign() == 0 {
		return
	}
	takes := b.limit + 1 // more than there ever is
	if sum.Cmp(big.NewInt(b.limit)) <= 0 {
		takes = sum.Int64()
	}
	key := b.keys[of]
	n.Budgets = append(n.Budgets, stores.Budget{Key: key, Window: b.window, Limit: b.limit, Amount: takes, Last: n.ledger.last(key, b.limit)})
	n.refusals[key] = func(e *stores.Exceeded) error {
		if takes > b.limit {
			return b.neverEnough(field)
		}
		return b.usedUp(field, e, n.sharers)
	}
}

// neverEnough refuses a call that would move more than a whole budget. Waiting does not help
// such a call.
func (b *budget) neverEnough(field string) error {
	return beyondBudget(field, b.setting(), fmt.Sprintf("this call would move more than the whole budget of %s %s per %s; nothing was sent; the operator can raise the budget",
		b.Currency, majorUnits(b.limit, b.decimals), b.Per))
}

// usedUp refuses a call that would move more than is left or, if there are sharers, more than
// is left of a replica's share.
func (b *budget) usedUp(field string, e *stores.Exceeded, sharers int) error {
	what := fmt.Sprintf("the budget of %s %s per %s", b.Currency, majorUnits(b.limit, b.decimals), b.Per)
	if sharers > 0 {
		what = fmt.Sprintf("the store that counts budgets cannot be reached, and this replica's share, %s, of %s", majorUnits(b.limit/int64(sharers), b.decimals), what)
	}
	f := beyondBudget(field, b.setting(), fmt.Sprintf("%s has %s left, which is less than this call would move; it is reset at %s; nothing was sent",
		what, majorUnits(max(0, e.Balance.Remaining), b.decimals), e.Balance.Reset.UTC().Format(time.RFC3339)))
	f.Header = retryAfter(e.RetryAfter)
	return f
}

// setting returns the option of the budget, as a Caddyfile has it.
func (b *budget) setting() string {
	return fmt.Sprintf("budget %s %s per %s", b.Currency, majorUnits(b.limit, b.decimals), b.Per)
}

func beyondBudget(field, setting, message string) *reply.Refusal {
	return about(field, reply.Denied(ByBudget, setting, http.StatusForbidden, "BUDGET_EXCEEDED", message))
}

// minorUnits returns an amount in the currency's smallest unit, rounded up. Only a call that
// was not validated can have a fraction of a unit.
func minorUnits(amount *big.Rat, decimals int) *big.Int {
	scaled := inMinorUnits(amount, decimals)
	units, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		units.Add(units, big.NewInt(1))
	}
	return units
}

// majorUnits formats minor units as an amount in major units, such as 250.50.
func majorUnits(minor int64, decimals int) string {
	return inMajorUnits(minor, decimals).FloatString(decimals)
}

func inMajorUnits(minor int64, decimals int) *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(minor), powerOfTen(decimals))
}

func inMinorUnits(amount *big.Rat, decimals int) *big.Rat {
	return new(big.Rat).Mul(amount, new(big.Rat).SetInt(powerOfTen(decimals)))
}

func powerOfTen(exponent int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
}
