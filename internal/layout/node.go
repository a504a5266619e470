package layout

// object is a decoded JSON object.
type object = map[string]any

// objectOf returns a node if it is an object, and otherwise nil, which reads as an empty
// object.
func objectOf(node any) object {
	o, _ := node.(object)
	return o
}

// listOf returns a node if it is a list, and otherwise nil.
func listOf(node any) []any {
	list, _ := node.([]any)
	return list
}

// Texts returns the strings of a list in decoded JSON.
func Texts(node any) []string {
	var texts []string
	for _, member := range listOf(node) {
		if text, ok := member.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// nameOf returns the name of a handler.
func nameOf(handler object) string {
	name, _ := handler["handler"].(string)
	return name
}

// groupOf returns the group of a route.
func groupOf(route any) string {
	group, _ := objectOf(route)["group"].(string)
	return group
}

// hostsOf returns the host names of a list of matcher sets.
func hostsOf(match []any) []string {
	var hosts []string
	for _, set := range match {
		hosts = append(hosts, Texts(objectOf(set)["host"])...)
	}
	return hosts
}

// isUnconditional reports whether every request that reaches a route goes through it.
func isUnconditional(route object) bool {
	return len(listOf(route["match"])) == 0 && groupOf(route) == ""
}

// isSite reports whether a route of a server is a site, as the Caddyfile creates them: a
// route for some hosts or, if nothing comes after it, for some paths; or the one for
// everything else.
func isSite(route object) bool {
	match, terminal := listOf(route["match"]), route["terminal"] == true
	for _, set := range match {
		for name := range objectOf(set) {
			if name != "host" && (name != "path" || !terminal) {
				return false
			}
		}
	}
	return len(match) > 0 || terminal
}

// beginsGuarded reports whether a guard comes before everything else in a list of routes, so
// that even an error cannot occur before it.
func beginsGuarded(routes []any) bool {
	if len(routes) == 0 {
		return false
	}
	first := objectOf(routes[0])
	return isUnconditional(first) && isGuardedFirst(listOf(first["handle"]))
}

// isGuardedFirst is beginsGuarded for handlers.
func isGuardedFirst(handlers []any) bool {
	if len(handlers) == 0 {
		return false
	}
	first := objectOf(handlers[0])
	return nameOf(first) == Guard || nameOf(first) == "subroute" && beginsGuarded(listOf(first["routes"]))
}

// dialsOf returns the fixed upstreams of a reverse_proxy.
func dialsOf(proxy object) []string {
	var dials []string
	for _, upstream := range listOf(proxy["upstreams"]) {
		if dial, ok := objectOf(upstream)["dial"].(string); ok {
			dials = append(dials, dial)
		}
	}
	return dials
}
