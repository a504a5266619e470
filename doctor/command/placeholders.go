package command

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
)

// describePlaceholders reports which placeholders outside our own handlers expand to
// nothing, such as that of a file with a caller's token, and a variable whose name was
// misread. Our own handlers check their options themselves.
func (c configTree) describePlaceholders(name string) []doctor.Result {
	reasons := make(map[string]bool)
	whyEmptyIn(map[string]any(c), reasons)
	var results []doctor.Result
	if variable := setting.MarkedVariable(); variable != "" {
		results = append(results, found(name, "placeholder", doctor.Warning,
			"the environment variable "+variable+" is not set, because "+setting.WhyMarked, setting.Unmark))
	}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		results = append(results, found(name, "placeholder", doctor.Warning,
			"a placeholder in one of Caddy's own options has no value: "+reason,
			"check that it exists, that this user may read it, and that it is not empty; a matcher that compares a caller's token with it admits nobody, or everybody"))
	}
	return results
}

// whyEmptyIn collects why placeholders in a config expand to nothing.
func whyEmptyIn(node any, reasons map[string]bool) {
	switch node := node.(type) {
	case string:
		if why := setting.WhyEmpty(node); why != "" {
			reasons[strings.TrimPrefix(why, ": ")] = true
		}
	case []any:
		for _, member := range node {
			whyEmptyIn(member, reasons)
		}
	case map[string]any:
		if handler, _ := node["handler"].(string); strings.HasPrefix(handler, "payermax") {
			return
		}
		for name, member := range node {
			if !strings.HasPrefix(name, "payermax") { // an app
				whyEmptyIn(member, reasons)
			}
		}
	}
}
