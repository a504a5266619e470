package limits

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// quotaOptions are the options for how much may be signed, by all callers together or by one
// caller.
var quotaOptions = grammar.Block[Quota]{
	{Name: "max_amount", Args: "<currency> <amount>", Example: `max_amount IDR 5000000
max_amount USD 250.00`,
		AsWritten: true, Sets: grammar.Into(func(q *Quota) *map[string]string { return &q.MaxAmounts }, readMaxAmount)},
	{Name: "budget", Args: "<currency> <amount> per hour|day|month", Example: `budget USD 500 per day {
	endpoints refund
}
budget USD 10000 per day`,
		AsWritten: true, Sets: grammar.List(func(q *Quota) *[]Budget { return &q.Budgets }, readBudget, budgetOptions)},
	{Name: "rate", Args: "<requests_per_second> [<burst>]", Example: "rate 50 100",
		AsWritten: true, Sets: grammar.By(readRate, func(q *Quota) any { return &q.Rate }, func(q *Quota) any { return &q.Burst })},
}

// budgetOptions are the options of one budget.
var budgetOptions = grammar.Block[Budget]{
	{Name: "endpoints", Args: "drop_in|all|<names...>", Example: "endpoints refund",
		AsWritten: true, Sets: grammar.Names(func(b *Budget) *[]string { return &b.Endpoints })},
}

// Options are the options of Limits.
var Options = slices.Concat(grammar.Lift(quotaOptions, func(l *Limits) *Quota { return &l.Quota }), grammar.Block[Limits]{
	{Name: "caller_id", Args: "<placeholder>", Example: "caller_id {http.auth.user.id}", PerRequest: true,
		Sets: grammar.Text(func(l *Limits) *string { return &l.CallerID })},
	{Name: "caller", Args: "<id>", Example: `caller shop {
	rate 20
	max_amount IDR 1000000
}`,
		AsWritten: true, Sets: grammar.Map(func(l *Limits) *map[string]Caller { return &l.Callers }, callerOptions)},
	{Name: "refuse_doubles", Example: "refuse_doubles",
		Sets: grammar.Flag(func(l *Limits) *bool { return &l.RefuseDoubles })},
	{Name: "without_store", Args: "refuse|alone", Example: "without_store alone",
		AsWritten: true, Sets: grammar.Text(func(l *Limits) *string { return &l.WithoutStore })},
	{Name: "replicas", Args: "<number>", Example: "replicas 3",
		Sets: grammar.Parsed(func(l *Limits) *int { return &l.Replicas }, "a positive whole number", parseReplicas)},
})

// callerOptions are the options of one caller.
var callerOptions = slices.Concat(grammar.Block[Caller]{
	{Name: "endpoints", Args: "drop_in|all|<names...>", Example: "endpoints applyDropinSession orderQuery",
		AsWritten: true, Sets: grammar.Names(func(c *Caller) *[]string { return &c.Endpoints })},
}, grammar.Lift(quotaOptions, func(c *Caller) *Quota { return &c.Quota }))

// readMaxAmount reads the largest amount in one currency.
func readMaxAmount(d *caddyfile.Dispenser, amounts *map[string]string) error {
	var currency, amount string
	if !d.AllArgs(&currency, &amount) {
		return grammar.ErrValues
	}
	if isNumber(currency) {
		return d.Err("max_amount: the currency comes first, such as max_amount IDR 5000000")
	}
	if _, ok := (*amounts)[currency]; ok {
		return d.Errf("max_amount %s is already set", currency)
	}
	grammar.Put(amounts, currency, amount)
	return nil
}

// readBudget reads the currency, the amount and the window of a budget.
func readBudget(d *caddyfile.Dispenser, b *Budget) error {
	const complete = 4
	args := d.RemainingArgs()
	switch {
	case len(args) > 0 && isNumber(args[0]):
		return d.Err("budget: the currency comes first, such as budget USD 10000 per day")
	case len(args) == complete && args[2] == "per":
		b.Currency, b.Amount, b.Per = args[0], args[1], args[3]
		return nil
	case len(args) == complete-1 && isNumber(args[1]) && periods[args[2]] != "":
		return d.Errf("budget: write per %s in place of %s", periods[args[2]], args[2])
	case len(args) < complete:
		return d.Errf("budget must have this form: budget USD 10000 per day; %s", grammar.NotSet())
	}
	return d.Err("budget must have this form: budget USD 10000 per day")
}

// periods maps the words that people write without per to the window that they mean.
var periods = map[string]string{
	"hourly": "hour", "daily": "day", "monthly": "month", "hour": "hour", "day": "day", "month": "month",
	"/hour": "hour", "/day": "day", "/month": "month",
}

// isNumber reports whether a text is an amount rather than the name of a currency.
func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789.,_") == "" }

// parseReplicas reads a number of replicas, at least one.
func parseReplicas(text string) (replicas int, ok bool) {
	replicas, err := strconv.Atoi(text)
	return replicas, err == nil && replicas > 0
}

// readRate reads the rate of a quota, and its burst if there is one.
func readRate(d *caddyfile.Dispenser, q *Quota) (err error) {
	if q.Rate != 0 {
		return d.Err("rate is already set")
	}
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return grammar.ErrValues
	}
	if q.Rate, err = strconv.ParseFloat(args[0], 64); err != nil || !(q.Rate > 0) || math.IsInf(q.Rate, 0) {
		return d.Errf("rate must be a positive number of requests per second, but is %s%s", grammar.Shown(args[0]), grammar.Unexpanded(args...))
	}
	if len(args) == 2 {
		if q.Burst, err = strconv.Atoi(args[1]); err != nil || q.Burst <= 0 {
			return d.Errf("the burst of rate must be a positive whole number, but is %s%s", grammar.Shown(args[1]), grammar.Unexpanded(args...))
		}
	}
	return nil
}
