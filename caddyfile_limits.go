package payermax

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// unmarshalContract reads what the merchant's contract covers:
//
//	contract {
//	    currencies <codes...>
//	    countries  <codes...>
//	    components <names...>
//	}
func (h *Handler) unmarshalContract(d *caddyfile.Dispenser) error {
	if h.Contract != nil {
		return d.Err("contract is already set")
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	h.Contract = new(Contract)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var target *[]string
		switch d.Val() {
		case "currencies":
			target = &h.Contract.Currencies
		case "countries":
			target = &h.Contract.Countries
		case "components":
			target = &h.Contract.Components
		default:
			return unrecognized(d, contractOptions)
		}
		if err := unmarshalNames(d, target); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalLimits reads the limits of what is signed:
//
//	limits {
//	    max_amount <currency> <amount>
//	    rate       <requests_per_second> [<burst>]
//
//	    caller_id  <placeholder>
//	    caller <id> {
//	        endpoints  drop_in|all|<names...>
//	        max_amount <currency> <amount>
//	        rate       <requests_per_second> [<burst>]
//	    }
//	}
func (h *Handler) unmarshalLimits(d *caddyfile.Dispenser) error {
	if h.Limits != nil {
		return d.Err("limits is already set")
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	h.Limits = new(Limits)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		known, err := h.Limits.Quota.unmarshalOption(d)
		switch {
		case known:
		case d.Val() == "caller_id":
			err = unmarshalText(d, &h.Limits.CallerID)
		case d.Val() == "caller":
			err = h.Limits.unmarshalCaller(d)
		default:
			err = unrecognized(d, limitsOptions)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unmarshalCaller reads the block of one caller.
func (l *Limits) unmarshalCaller(d *caddyfile.Dispenser) error {
	var id string
	if !d.AllArgs(&id) {
		return d.ArgErr()
	}
	if _, ok := l.Callers[id]; ok {
		return d.Errf("caller %s is already set", id)
	}
	var c Caller
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		known, err := c.Quota.unmarshalOption(d)
		switch {
		case known:
		case d.Val() == "endpoints":
			err = unmarshalNames(d, &c.Endpoints)
		default:
			err = unrecognized(d, callerOptions)
		}
		if err != nil {
			return err
		}
	}
	if l.Callers == nil {
		l.Callers = make(map[string]Caller)
	}
	l.Callers[id] = c
	return nil
}

// unmarshalOption sets the option that d stands on, if it is one of a quota's.
func (q *Quota) unmarshalOption(d *caddyfile.Dispenser) (known bool, err error) {
	switch d.Val() {
	case "max_amount":
		var currency, amount string
		if !d.AllArgs(&currency, &amount) {
			return true, d.ArgErr()
		}
		if _, ok := q.MaxAmounts[currency]; ok {
			return true, d.Errf("max_amount %s is already set", currency)
		}
		if q.MaxAmounts == nil {
			q.MaxAmounts = make(map[string]string)
		}
		q.MaxAmounts[currency] = amount
		return true, nil
	case "rate":
		if q.Rate != 0 {
			return true, d.Err("rate is already set")
		}
		args := d.RemainingArgs()
		if len(args) == 0 || len(args) > 2 {
			return true, d.ArgErr()
		}
		if q.Rate, err = strconv.ParseFloat(args[0], 64); err != nil || q.Rate <= 0 {
			return true, d.Errf("rate must be a positive number of requests per second, but is %q", args[0])
		}
		if len(args) == 2 {
			if q.Burst, err = strconv.Atoi(args[1]); err != nil || q.Burst <= 0 {
				return true, d.Errf("the burst of rate must be a positive whole number, but is %q", args[1])
			}
		}
		return true, nil
	default:
		return false, nil
	}
}
