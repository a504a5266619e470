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

// redacted are the header fields that Caddy redacts in its logs by default.
var redacted = []string{"Authorization", "Cookie", "Proxy-Authorization", "Set-Cookie"}

// describeAccessLog reports which secrets in the headers of the application's requests an
// access log would show. Caddy records the header before any handler sees the request, so
// only a log filter can keep them out.
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

// secretFields returns the header fields in which the application sends credentials: the
// tokens of service providers, and in shadow mode its own signature.
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

// showsInAccessLog reports whether one of the config's logs receives access logs and does
// not filter the field.
func (c configTree) showsInAccessLog(field string) bool {
	logs, _ := c.at("logging", "logs").(map[string]any)
	if logs["default"] == nil {
		return true // Caddy's default log exists even if the config does not mention it
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

// isOfAccess reports whether the name of a logger is that of access logs, of one server's
// access logs, or of a parent of these.
func isOfAccess(logger string) bool {
	const access = "http.log.access"
	return strings.HasPrefix(logger, access) || strings.HasPrefix(access, logger+".")
}

// filters reports whether a log's encoder filters the field.
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
