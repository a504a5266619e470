package payermax

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// The names of the options, by the block that they stand in, for the errors
// about others.
var (
	merchantOptions = []string{
		"app_id", "merchant_no", "sp_merchant_no", "merchant_auth_token", "private_key", "key", "next_private_key", "next_key",
		"merchant_public_key", "gateway_public_key", "key_version",
	}
	handlerOptions = append([]string{
		"merchant", "endpoints", "version", "validation", "contract", "limits", "shadow", "follow_gateway_clock",
		"retry_repeatable", "max_body_size", "max_in_flight", "max_wait", "timeout",
	}, merchantOptions...)
	contractOptions        = []string{"currencies", "countries", "components"}
	limitsOptions          = []string{"max_amount", "rate", "caller_id", "caller"}
	callerOptions          = []string{"endpoints", "max_amount", "rate"}
	notifyOptions          = []string{"gateway_public_key", "max_body_size", "ack", "duplicates"}
	landlockOptions        = []string{"read", "write", "required"}
	sandboxOptions         = []string{"private_key", "time_scale", "notify_hosts", "no_control", "merchant"}
	sandboxMerchantOptions = []string{"app_id", "merchant_no", "sp_merchant_no", "merchant_auth_token", "public_key"}
)

// unrecognized is the error about an option that does not belong where d stands.
func unrecognized(d *caddyfile.Dispenser, known []string) error {
	if suggestion := suggest(d.Val(), known); suggestion != "" {
		return d.Errf("unrecognized option %s; did you mean %s?", d.Val(), suggestion)
	}
	return d.Errf("unrecognized option %s; expected one of %s", d.Val(), strings.Join(known, ", "))
}

// suggest returns the one of the known names that a name was probably meant to
// be, or "" if none resembles it.
func suggest(name string, known []string) string {
	plain := plainName(name)
	best, distance := "", max(1, len(plain)/3)+1
	for _, candidate := range known {
		if d := editDistance(plain, plainName(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// plainName is a name without what people write differently: appId, app-id,
// APP_ID.
func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// editDistance is the number of letters to add, remove or replace to make b of
// a (Levenshtein's distance).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
