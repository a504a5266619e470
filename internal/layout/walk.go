package layout

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// walk walks through one server.
type walk struct {
	found   *Layout
	config  object // the server's JSON
	listen  []string
	named   object
	invoked map[string]bool // the named routes that were visited
	within  []string        // the named routes that are being visited
}

// position is what is known at the current point of the walk.
type position struct {
	site    *site
	hosts   []string
	matches []any
	after   []any
	before  []any
	rivals  []any
	open    bool
	guarded bool   // every request that reaches this point has passed a guard
	front   string // the name of an earlier handler that answers everything, or ""
	// rewrites are the earlier handlers that change the path or the method of requests.
	rewrites []rewriting
	// forErrors says that only requests that have failed before reach this point.
	forErrors bool
}

// server walks through the routes of a server, then through its routes for errors, and
// finally through the named routes that are never invoked.
func (w *walk) server(server object) {
	routes := listOf(server["routes"])
	earlier := len(w.found.Handlers)
	defer func() { nameElsewhere(w.found.Handlers[earlier:], routes) }()
	whole := new(site)
	sites := make([]*site, len(routes))
	p := position{site: whole}
	for i, route := range routes {
		here := p
		if isSite(objectOf(route)) {
			here.site = new(site)
		}
		sites[i] = here.site
		here.site.guarded, p.guarded = w.route(routes, i, here)
	}
	whole.guarded = p.guarded

	for i, route := range listOf(objectOf(server["errors"])["routes"]) {
		p := position{site: whole, open: true, guarded: beginsGuarded(routes), forErrors: true}
		for j := range routes {
			match := objectOf(routes[j])["match"]
			if match != nil && reflect.DeepEqual(match, objectOf(route)["match"]) {
				p.site, p.guarded = sites[j], isGuardedFirst(listOf(objectOf(routes[j])["handle"]))
			}
		}
		w.route(listOf(objectOf(server["errors"])["routes"]), i, p)
	}
	for _, name := range slices.Sorted(maps.Keys(w.named)) {
		if !w.invoked[name] {
			w.routes([]any{w.named[name]}, position{site: new(site), open: true})
		}
	}
}

// nameElsewhere records in the handlers of one server what answers calls for other hosts.
func nameElsewhere(handlers []Handler, routes []any) {
	var hosts [][]string
	for _, h := range handlers {
		if h.Module == Sign && !h.forErrors {
			hosts = append(hosts, h.Hosts)
		}
	}
	elsewhere := elsewhereOf(routes, hosts)
	neighbour := neighbourOf(routes)
	for i := range handlers {
		if len(handlers[i].Hosts) > 0 {
			handlers[i].elsewhere = elsewhere
		} else {
			handlers[i].neighbour = neighbour
		}
	}
}

// routes walks through a list of routes and reports whether every request that leaves it has
// passed a guard.
func (w *walk) routes(list []any, p position) (guarded bool) {
	for i := range list {
		_, p.guarded = w.route(list, i, p)
	}
	return p.guarded
}

// route walks through one route of a list. inside reports whether a request that has gone
// through its handlers has passed a guard, and after whether a request that reaches the next
// route has.
func (w *walk) route(list []any, i int, p position) (inside, after bool) {
	route := objectOf(list[i])
	here := p
	here.after = append(followers(list, i), p.after...)
	here.before = append(slices.Clip(p.before), predecessors(list, i)...)
	here.rivals = append(slices.Clip(p.rivals), rivalsOf(list, i)...)
	here.front = cmp.Or(p.front, answererOf(list[:i]))
	here.rewrites = append(slices.Clip(p.rewrites), rewritesOf(list[:i])...)
	if route["terminal"] == true {
		here.after, here.open = nil, false
	}
	if match := listOf(route["match"]); len(match) > 0 {
		here.matches = append(slices.Clip(p.matches), match)
		if hosts := hostsOf(match); len(hosts) > 0 {
			here.hosts = hosts
		}
	}
	inside = w.handlers(listOf(route["handle"]), here)
	if isUnconditional(route) {
		return inside, inside
	}
	return inside, p.guarded
}

// handlers walks through the handlers of a route.
func (w *walk) handlers(list []any, p position) (guarded bool) {
	outside := p.after
	for i, node := range list {
		p.after = append(slices.Clone(list[i+1:]), outside...)
		p.guarded = w.handler(objectOf(node), p)
		p.before = append(slices.Clip(p.before), node)
		p.front = cmp.Or(p.front, answerer(objectOf(node)))
		if nameOf(objectOf(node)) == "rewrite" {
			p.rewrites = append(slices.Clip(p.rewrites), rewriting{does: objectOf(node)})
		}
	}
	return p.guarded
}

// handler walks through a handler, and reports whether a request that it passes on has passed
// a guard.
func (w *walk) handler(handler object, p position) (guarded bool) {
	switch name := nameOf(handler); name {
	case Guard:
		return true
	case Sign, Notify, Sandbox:
		w.found.Handlers = append(w.found.Handlers, Handler{
			Module: name, Config: handler, Server: w.config, Listen: w.listen, Hosts: p.hosts,
			OverTLS: len(listOf(w.config["tls_connection_policies"])) > 0,
			site:    p.site, matches: p.matches, after: p.after, open: p.open, before: p.before, rivals: p.rivals,
			front: p.front, rewrites: p.rewrites, forErrors: p.forErrors,
		})
	case "subroute":
		routes := listOf(handler["routes"])
		errorRoutes := p
		errorRoutes.open, errorRoutes.guarded, errorRoutes.forErrors = true, p.guarded || beginsGuarded(routes), true
		w.routes(listOf(objectOf(handler["errors"])["routes"]), errorRoutes)
		return w.routes(routes, p)
	case "invoke":
		return w.invoke(handler, p)
	case "reverse_proxy":
		if !Pins(handler) {
			w.found.proxies = append(w.found.proxies, proxy{p.site, p.matches, dialsOf(handler), p.guarded})
		}
		fallthrough
	default:
		p.open = true
		for _, key := range slices.Sorted(maps.Keys(handler)) {
			w.inside(handler[key], p)
		}
	}
	return p.guarded
}

// invoke walks through a named route, as a part of the route that invokes it.
func (w *walk) invoke(handler object, p position) (guarded bool) {
	name, _ := handler["name"].(string)
	if slices.Contains(w.within, name) {
		return p.guarded
	}
	w.invoked[name] = true
	w.within = append(w.within, name)
	defer func() { w.within = w.within[:len(w.within)-1] }()
	return w.routes([]any{w.named[name]}, p)
}

// inside looks for handlers in a part of an unknown handler, such as the routes of
// handle_response.
func (w *walk) inside(node any, p position) {
	switch node := node.(type) {
	case []any:
		for _, member := range node {
			w.inside(member, p)
		}
	case object:
		switch {
		case nameOf(node) != "":
			w.handler(node, p)
		case node["handle"] != nil:
			w.routes([]any{node}, p)
		default:
			for _, key := range slices.Sorted(maps.Keys(node)) {
				w.inside(node[key], p)
			}
		}
	}
}

// followers returns the routes that come after a route, except those of its group, of which
// only one is ever used.
func followers(list []any, i int) []any {
	group := groupOf(list[i])
	var after []any
	for _, member := range list[i+1:] {
		if group == "" || groupOf(member) != group {
			after = append(after, member)
		}
	}
	return after
}

// predecessors returns the routes that come before a route, except those of its group, of
// which only one is ever used.
func predecessors(list []any, i int) []any {
	group := groupOf(list[i])
	return slices.DeleteFunc(slices.Clone(list[:i]), func(member any) bool { return group != "" && groupOf(member) == group })
}

// rivalsOf returns the routes of its group that come before a route.
func rivalsOf(list []any, i int) []any {
	group := groupOf(list[i])
	return slices.DeleteFunc(slices.Clone(list[:i]), func(member any) bool { return group == "" || groupOf(member) != group })
}
