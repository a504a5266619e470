package limits

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// ceilings are the largest amounts of one call, by currency. If nil, amounts are not limited.
type ceilings map[string]*big.Rat

// openCeilings reads the amounts of the config.
func openCeilings(configured map[string]string, enabled []Endpoint) (ceilings, error) {
	if len(configured) == 0 {
		return nil, nil
	}
	opened := make(ceilings, len(configured))
	for currency, amount := range configured {
		if err := (validate.Contract{Currencies: []string{currency}}).Check(); err != nil {
			return nil, fmt.Errorf("max_amount: %w", err)
		}
		ceiling, err := parseAmount(amount)
		if err != nil {
			return nil, fmt.Errorf("max_amount %s: %w", currency, err)
		}
		opened[currency] = ceiling
	}
	for _, e := range enabled {
		if err := e.checkAmountsAreKnown("max_amount"); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

// checkAmountsAreKnown refuses an option that could not be enforced for the endpoint.
func (e Endpoint) checkAmountsAreKnown(option string) error {
	if e.MovesMoney && e.Rules == nil {
		return fmt.Errorf("%s: cannot be enforced for %s, because this sidecar does not know its amounts; do not enable that endpoint together with %[1]s", option, e.Name)
	}
	return nil
}

// parseAmount reads a plain decimal number from the config.
func parseAmount(text string) (*big.Rat, error) {
	amount, ok := new(big.Rat).SetString(text)
	if !ok || amount.Sign() < 0 || strings.Trim(text, "0123456789.") != "" {
		return nil, fmt.Errorf("%q is not an amount; write it in major units, such as 250.00", text)
	}
	return amount, nil
}

// amountsOf returns the amounts that a call would move, if any quota limits them. It refuses
// amounts that it cannot read.
func (l *Enforced) amountsOf(c Call, quotas []*quota) ([]validate.Amount, error) {
	asks := func(q *quota) bool { return q.ceilings != nil || len(q.budgetsOf(c.Endpoint)) > 0 }
	if c.Rules == nil || !slices.ContainsFunc(quotas, asks) {
		return nil, nil
	}
	amounts, err := c.Rules.Amounts(c.Data)
	if problem, ok := errors.AsType[*validate.AmountError](err); ok {
		return nil, deniedAmount(problem.Field, "max_amount", problem.Message+"; the sidecar limits amounts, and refuses amounts that it cannot compare")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the amounts: %w", err)
	}
	return amounts, nil
}

// allow compares amounts with the ceilings.
func (c ceilings) allow(amounts []validate.Amount) error {
	if c == nil {
		return nil
	}
	for _, amount := range amounts {
		ceiling, ok := c[amount.Currency]
		switch {
		case !ok:
			return deniedAmount(amount.Field, "max_amount", "this sidecar does not sign amounts in this currency; it signs "+
				strings.Join(slices.Sorted(maps.Keys(c)), ", "))
		case amount.Value.Cmp(ceiling) > 0:
			decimals, _ := ceiling.FloatPrec()
			return deniedAmount(amount.Field, "max_amount "+amount.Currency+" "+ceiling.FloatString(decimals), "the amount is more than this sidecar signs in "+amount.Currency+"; the operator can raise max_amount")
		}
	}
	return nil
}

func deniedAmount(field, setting, message string) *reply.Refusal {
	return about(field, reply.Denied(ByAmount, setting, http.StatusForbidden, "AMOUNT_LIMIT_MAXIMUM", message))
}

// about adds the member of the request that a limit refuses.
func about(field string, f *reply.Refusal) *reply.Refusal {
	f.Errors = []validate.Violation{{Field: field, Rule: "limit", Message: f.Msg}}
	return f
}
