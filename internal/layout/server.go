package layout

import (
	"bytes"
	"encoding/json"
	"maps"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/templates"
)

// ofServer returns the JSON of a server that is being provisioned, as far as this package
// reads it. Caddy loads the top-level routes one after another, and drops the JSON of each
// only once it is loaded. So the JSON of the current route and of later ones still exists;
// for earlier routes, there is only the result of loading them.
func ofServer(server *caddyhttp.Server) map[string]any {
	listen := make([]any, len(server.Listen))
	for i, address := range server.Listen {
		listen[i] = address
	}
	named := make(object)
	for name, route := range server.NamedRoutes {
		named[name] = routeOf(*route)
	}
	return object{
		"listen":       listen,
		"routes":       routesOf(server.Routes),
		"errors":       errorsOf(server.Errors),
		"named_routes": named,

		"tls_connection_policies": decoded(server.TLSConnPolicies),
		"strict_sni_host":         decoded(server.StrictSNIHost),
	}
}

func errorsOf(errors *caddyhttp.HTTPErrorConfig) object {
	if errors == nil {
		return nil
	}
	return object{"routes": routesOf(errors.Routes)}
}

func routesOf(routes caddyhttp.RouteList) []any {
	list := make([]any, len(routes))
	for i, route := range routes {
		list[i] = routeOf(route)
	}
	return list
}

func routeOf(route caddyhttp.Route) object {
	o := object{"handle": handlersOf(route)}
	if match := matchOf(route); len(match) > 0 {
		o["match"] = match
	}
	if route.Terminal {
		o["terminal"] = true
	}
	if route.Group != "" {
		o["group"] = route.Group
	}
	return o
}

// matchOf returns the matcher sets of a route. The matchers of all top-level routes are
// loaded before the first handler.
func matchOf(route caddyhttp.Route) []any {
	var sets []any
	for _, set := range route.MatcherSetsRaw {
		sets = append(sets, decoded(set))
	}
	for _, set := range route.MatcherSets {
		o := make(object)
		for _, matcher := range set {
			if name := moduleName(matcher); name != "" {
				o[name] = decoded(matcher)
			}
		}
		sets = append(sets, o)
	}
	return sets
}

func handlersOf(route caddyhttp.Route) []any {
	var list []any
	for _, raw := range route.HandlersRaw {
		list = append(list, decoded(raw))
	}
	if list != nil {
		return list
	}
	for _, handler := range route.Handlers {
		list = append(list, loadedHandler(handler))
	}
	return list
}

// loadedHandler returns what is known about a handler whose JSON no longer exists.
func loadedHandler(handler caddyhttp.MiddlewareHandler) object {
	o := object{"handler": moduleName(handler)}
	switch handler := handler.(type) {
	case *caddyhttp.Subroute:
		o["routes"], o["errors"] = routesOf(handler.Routes), errorsOf(handler.Errors)
	case *caddyhttp.Invoke:
		o["name"] = handler.Name
	case *reverseproxy.Handler:
		var upstreams []any
		for _, upstream := range handler.Upstreams {
			upstreams = append(upstreams, object{"dial": upstream.Dial})
		}
		o["upstreams"] = upstreams
		if answered := answersOf(handler.HandleResponse); answered != nil {
			o["handle_response"] = answered
		}
		o["transport"] = object{"protocol": moduleName(handler.Transport)}
		if secure, ok := handler.Transport.(reverseproxy.TLSTransport); ok && secure.TLSEnabled() {
			o["transport"].(object)["tls"] = objectOf(decoded(handler.Transport))["tls"]
		}
	case *intercept.Intercept:
		if answered := answersOf(handler.HandleResponse); answered != nil {
			o["handle_response"] = answered
		}
	case *rewrite.Rewrite, *caddyhttp.StaticResponse, *headers.Handler, *templates.Templates:
		maps.Copy(o, objectOf(decoded(handler)))
	default:
		if passes := objectOf(decoded(handler))["pass_thru"]; passes != nil {
			o["pass_thru"] = passes
		}
	}
	return o
}

// answersOf returns the routes by which a handler deals with what another has answered.
func answersOf(handlers []caddyhttp.ResponseHandler) []any {
	var list []any
	for _, handler := range handlers {
		list = append(list, object{"routes": routesOf(handler.Routes)})
	}
	return list
}

func moduleName(module any) string {
	if m, ok := module.(caddy.Module); ok {
		return m.CaddyModule().ID.Name()
	}
	return ""
}

// decoded encodes a value as JSON and decodes it again. It returns nil if that fails.
func decoded(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var node any
	if err := decoder.Decode(&node); err != nil {
		return nil
	}
	return node
}
