package command

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// redacted are the fields that Caddy keeps out of its logs unless it is told to show them.
var redacted = []string{"Authorization", "Cookie", "Proxy-Authorization", "Set-Cookie"}

// describeAccessLog says which secrets in the headers of the application's requests an
// access log would show. Caddy writes down the header before any handler sees the
// request, so only a filter of the log can keep them out.
func (f foundHandler) describeAccessLog(shadow bool) []doctor.Result {
	logs, isOn := f.place.Server["logs"].(map[string]any)
	if !isOn {
		return nil
	}
	var results []doctor.Result
	for _, field := range f.secretFields(shadow) {
		if slices.Contains(redacted, field) && logs["should_log_credentials"] != true || !f.whole.showsInAccessLog(field) {
			continue
		}
		results = append(results, found("", "access log", doctor.Warning,
			fmt.Sprintf("the server has an access log, which shows the field %s of the application's requests", field),
			fmt.Sprintf("keep it out: log { format filter { request>headers>%s delete } }", field)))
	}
	return results
}

// secretFields are the header fields by which the application sends what authenticates:
// service providers' tokens, and in shadow mode its own signature.
func (f foundHandler) secretFields(shadow bool) []string {
	fields := make(map[string]bool)
	merchants := []any{f.config}
	if several, isList := f.config["merchants"].([]any); isList {
		merchants = append(merchants, several...)
	}
	for _, m := range merchants {
		merchant, _ := m.(map[string]any)
		token, _ := merchant["merchant_auth_token"].(string)
		for _, name := range setting.RequestHeaders(token) {
			fields[http.CanonicalHeaderKey(name)] = true
		}
	}
	if shadow {
		fields[protocol.SignHeader], fields[protocol.CanonicalAuthTokenHeader] = true, true
	}
	return slices.Sorted(maps.Keys(fields))
}

// showsInAccessLog reports whether one of the config's logs gets access logs and does not
// filter the field.
func (c configTree) showsInAccessLog(field string) bool {
	logs, _ := c.at("logging", "logs").(map[string]any)
	if logs["default"] == nil {
		return true // by a log that the config need not mention
	}
	for _, node := range logs {
		log, _ := node.(map[string]any)
		included, excluded := layout.Texts(log["include"]), layout.Texts(log["exclude"])
		if (len(included) == 0 || slices.ContainsFunc(included, isOfAccess)) && !slices.ContainsFunc(excluded, isOfAccess) && !filters(log, field) {
			return true
		}
	}
	return false
}

// isOfAccess reports whether the name of a logger is that of access logs, or of one or all
// of them.
func isOfAccess(logger string) bool {
	const access = "http.log.access"
	return strings.HasPrefix(logger, access) || strings.HasPrefix(access, logger+".")
}

// filters reports whether a log's encoder does something about the field.
func filters(log map[string]any, field string) bool {
	encoder, _ := log["encoder"].(map[string]any)
	fields, _ := encoder["fields"].(map[string]any)
	for _, path := range []string{"request", "request>headers", "request>headers>" + field} {
		if encoder["format"] == "filter" && fields[path] != nil {
			return true
		}
	}
	return false
}
