package payermax

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
)

// misplaced are the options of reverse_proxy that would make a call differ from what
// was signed, or an answer from what was checked.
var misplaced = map[string]string{
	"to":              "the upstream is the one that gateway names",
	"dynamic":         "the upstream is the one that gateway names",
	"method":          "every call is a POST",
	"rewrite":         "a call goes to the path of the endpoint that it was signed for",
	"handle_response": "the application gets the answer that was checked; what handles it in between could answer something else, or send the signed call elsewhere",
	"replace_status":  "the application gets the answer that was checked, with its status",
}

// refuseMisplaced refuses an option of reverse_proxy that has no place beside a
// signed call. A config in JSON may have them all the same; there the transport
// undoes what they do to the call.
func refuseMisplaced(d *caddyfile.Dispenser) error {
	d.Next()
	name := d.Val()
	if reason, ok := misplaced[name]; ok {
		return d.Errf("%s has no place here: %s", name, reason)
	}
	if name != "header_up" || !d.NextArg() {
		return nil
	}
	field := http.CanonicalHeaderKey(strings.TrimSuffix(strings.TrimLeft(d.Val(), "+-?>"), ":"))
	if delivery.IsPinned(field) {
		return d.Errf("header_up %s has no place here: the sidecar sets that field for each call, or leaves it out", field)
	}
	return nil
}
