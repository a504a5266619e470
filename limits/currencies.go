package limits

import (
	"fmt"
	"maps"
	"slices"

	"go.uber.org/zap"
)

// checkCurrencies compares max_amount with the budgets, and the budgets of a caller with
// those for all callers: each refuses the currencies that it does not name. It is an error if
// one of them names a currency that the other always refuses. If only the budgets of some
// endpoints refuse a currency, that may be intended, and is logged.
func (l *Enforced) checkCurrencies(at Place) error {
	if err := checkCurrencies(at.Enabled, at, &l.quota); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(l.callers)) {
		c := l.callers[id]
		allowed := slices.DeleteFunc(slices.Clone(at.Enabled), func(e Endpoint) bool { return c.endpoints != nil && !c.endpoints[e.Name] })
		if err := checkCurrencies(allowed, at, &c.quota, &l.quota); err != nil {
			return fmt.Errorf("caller %s: %w", id, err)
		}
		if err := c.checkBudgetsWithin(&l.quota, id, allowed, at); err != nil {
			return fmt.Errorf("caller %s: %w", id, err)
		}
	}
	return nil
}

// checkBudgetsWithin checks the currencies of a caller's budgets, for calls of the endpoints
// that the caller may use. These calls also count against the budgets for all callers.
func (q *quota) checkBudgetsWithin(all *quota, caller string, endpoints []Endpoint, at Place) error {
	for _, b := range q.budgets {
		counting := slices.DeleteFunc(slices.Clone(endpoints), func(e Endpoint) bool { return !b.counts(e) })
		refusing := slices.DeleteFunc(slices.Clone(counting), func(e Endpoint) bool { return !all.hasNoBudgetIn(b.Currency, e) })
		switch {
		case len(refusing) == 0:
		case len(refusing) == len(counting):
			return fmt.Errorf("budget %[1]s: the budgets of all callers are in %[2]s and not in %[1]s, so every call in %[1]s would be refused; add a budget %[1]s for all callers, or have this budget in %[2]s",
				b.Currency, currencies(all.budgetsOf(refusing[0])))
		default:
			at.Logger.Warn(fmt.Sprintf("limits: caller %[1]s has a budget %[2]s, but for some endpoints there is no budget %[2]s of all callers, so calls to them in %[2]s are refused; add a budget %[2]s for these endpoints unless that is intended", caller, b.Currency),
				zap.Strings("endpoints", namesOf(refusing)))
		}
	}
	return nil
}

func namesOf(endpoints []Endpoint) []string {
	var names []string
	for _, e := range endpoints {
		names = append(names, e.Name)
	}
	return names
}

// checkCurrencies checks the currencies that a quota names, for calls of the given endpoints.
// These calls also count against the other quotas.
func checkCurrencies(endpoints []Endpoint, at Place, naming *quota, others ...*quota) error {
	all := append([]*quota{naming}, others...)
	moving := slices.DeleteFunc(slices.Clone(endpoints), func(e Endpoint) bool { return !e.MovesMoney })
	for _, currency := range slices.Sorted(maps.Keys(naming.ceilings)) {
		refusing := slices.DeleteFunc(slices.Clone(moving), func(e Endpoint) bool {
			return !slices.ContainsFunc(all, func(q *quota) bool { return q.hasNoBudgetIn(currency, e) })
		})
		switch {
		case len(refusing) == 0:
		case len(refusing) == len(moving):
			return fmt.Errorf("max_amount %[1]s: there are budgets, but none in %[1]s, so every call in it would be refused; add a budget %[1]s, or remove max_amount %[1]s", currency)
		default:
			at.Logger.Warn(fmt.Sprintf("limits: max_amount allows %[1]s, but some endpoints have no budget %[1]s, so calls to them in %[1]s are refused; add a budget %[1]s for these endpoints unless that is intended", currency),
				zap.Strings("endpoints", namesOf(refusing)))
		}
	}
	for _, b := range naming.budgets {
		if slices.ContainsFunc(all, func(q *quota) bool { return q.ceilings != nil && q.ceilings[b.Currency] == nil }) {
			return fmt.Errorf("budget %[1]s: there is max_amount, but not in %[1]s, so every call in it would be refused; add max_amount %[1]s, or remove the budget", b.Currency)
		}
	}
	return nil
}

// hasNoBudgetIn reports whether calls of the endpoint count against budgets, but none of them
// is in the currency.
func (q *quota) hasNoBudgetIn(currency string, e Endpoint) bool {
	counting := q.budgetsOf(e)
	return len(counting) > 0 && !slices.ContainsFunc(counting, func(b *budget) bool { return b.Currency == currency })
}
