package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
)

// shortestToken is the minimum length of a caller's token, in characters, as in the
// documented example with a token.
const shortestToken = 32

// describeCallers reports which callers' secrets are too weak, or do not distinguish
// callers. Caddy accepts any secret that it can read.
func (c configTree) describeCallers(name string) []doctor.Result {
	read := secrets{vars: make(map[string]string), tokens: make(map[string]string)}
	read.collectVars(map[string]any(c))
	read.collect(map[string]any(c))

	warn := func(message, next string) doctor.Result { return found(name, "callers", doctor.Warning, message, next) }
	var results []doctor.Result
	sources := make(map[string]string) // by token
	for _, source := range slices.Sorted(maps.Keys(read.tokens)) {
		token := read.tokens[source]
		shown := "a token that is written in the config"
		if strings.Contains(source, "{") {
			shown = source
		}
		switch other, isKnown := sources[token]; {
		case setting.CheckToken(token, source) != nil:
			results = append(results, warn(shown+": "+setting.CheckToken(token, source).Error(), ""))
		case len(token) < shortestToken:
			results = append(results, warn(fmt.Sprintf("%s: the token of a caller has fewer than %d characters, so that it may be guessed", shown, shortestToken),
				"make another, such as with openssl rand -hex 32"))
		case isKnown:
			results = append(results, warn(fmt.Sprintf("%s and %s are the same token, so that each of the two callers may pass for the other", other, shown),
				"give each caller a token of its own, such as from openssl rand -hex 32"))
		}
		sources[token] = shown
	}
	for _, users := range read.shared {
		results = append(results, warn(strings.Join(users, " and ")+" have the same password hash in basic_auth, so that each may pass for the other",
			"give each a password of its own; caddy hash-password makes the hash"))
	}
	return results
}

// secrets are the values by which Caddy's own options identify callers.
type secrets struct {
	// vars holds the values that vars handlers set, by placeholder.
	vars map[string]string
	// tokens holds the tokens that matchers of Authorization expect, by their text in the
	// config.
	tokens map[string]string
	// shared holds the users of one basic_auth who have the same hash.
	shared [][]string
}

// collectVars collects the values that vars handlers set.
func (s *secrets) collectVars(node any) {
	eachOf(node, func(object map[string]any) {
		if object["handler"] != "vars" {
			return
		}
		for name, value := range object {
			if text, isText := value.(string); isText {
				s.vars["{http.vars."+name+"}"] = text
			}
		}
	})
}

// collect collects the tokens and the shared hashes.
func (s *secrets) collect(node any) {
	repl := caddy.NewReplacer()
	eachOf(node, func(object map[string]any) {
		matched, _ := object["header"].(map[string]any)
		for field, values := range matched {
			for _, value := range layout.Texts(values) {
				source, isToken := strings.CutPrefix(value, "Bearer ")
				if !isToken || !strings.EqualFold(field, "Authorization") {
					continue
				}
				for placeholder, text := range s.vars {
					source = strings.ReplaceAll(source, placeholder, text)
				}
				if token, err := setting.Replace(repl, source, true, true); err == nil {
					s.tokens[source] = token
				}
			}
		}
		if object["handler"] == "authentication" {
			s.shared = append(s.shared, sharing(repl, configTree(object).at("providers", "http_basic", "accounts"))...)
		}
	})
}

// sharing returns the users with the same hash among the accounts.
func sharing(repl *caddy.Replacer, accounts any) (shared [][]string) {
	users := make(map[string][]string)
	list, _ := accounts.([]any)
	for _, account := range list {
		object, _ := account.(map[string]any)
		configured, _ := object["password"].(string)
		user, _ := object["username"].(string)
		if hash, err := setting.Replace(repl, configured, true, true); err == nil {
			users[hash] = append(users[hash], user)
		}
	}
	for _, hash := range slices.Sorted(maps.Keys(users)) {
		if len(users[hash]) > 1 {
			shared = append(shared, users[hash])
		}
	}
	return shared
}

// eachOf calls visit for each object in a config, at any depth.
func eachOf(node any, visit func(map[string]any)) {
	switch node := node.(type) {
	case []any:
		for _, member := range node {
			eachOf(member, visit)
		}
	case map[string]any:
		visit(node)
		for _, name := range slices.Sorted(maps.Keys(node)) {
			eachOf(node[name], visit)
		}
	}
}
