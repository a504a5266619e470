package payermax

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// configTree is a config in Caddy's JSON, decoded. Numbers are json.Number, so
// that none loses a digit on the way back.
type configTree map[string]any

// adapt turns the config into Caddy's JSON.
func (f *configFile) adapt() (configTree, error) {
	text := f.text
	if f.adapter != "" {
		adapter := caddyconfig.GetAdapter(f.adapter)
		if adapter == nil {
			return nil, fmt.Errorf("there is no config adapter %q in this binary", f.adapter)
		}
		var err error
		if text, _, err = adapter.Adapt(text, map[string]any{"filename": f.name}); err != nil {
			return nil, err
		}
	}
	return decodeTree(caddy.RemoveMetaFields(text))
}

// decodeTree decodes JSON. Its errors quote nothing.
func decodeTree(text []byte) (configTree, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree configTree
	if err := decoder.Decode(&tree); err != nil || tree == nil {
		return nil, errors.New("it is not a JSON object; for another format, name its --adapter")
	}
	return tree, nil
}

// copied returns a deep copy.
func (c configTree) copied() (configTree, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return decodeTree(text)
}

// at returns what is at the end of a path of names, or nil.
func (c configTree) at(path ...string) any {
	var node any = map[string]any(c)
	for _, name := range path {
		object, _ := node.(map[string]any)
		node = object[name]
	}
	return node
}

// foundHandler is a handler of this module in a config.
type foundHandler struct {
	// module is the handler's name, such as payermax.
	module string
	config map[string]any
	// proxy is the reverse_proxy that comes next, or nil.
	proxy map[string]any
	// listen are the addresses of its server, and hosts the host names that its
	// routes match.
	listen, hosts []string
}

// finder collects the handlers of one server, by the names of their modules.
type finder struct {
	modules []string
	listen  []string
	found   []foundHandler
}

// handlers returns the handlers that sign or verify, wherever they are nested.
func (c configTree) handlers() []foundHandler { return c.find("payermax", "payermax_notify") }

// find returns the handlers of these modules, wherever they are nested.
func (c configTree) find(modules ...string) []foundHandler {
	servers, _ := c.at("apps", "http", "servers").(map[string]any)
	var all []foundHandler
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		server, _ := servers[name].(map[string]any)
		f := finder{modules: modules, listen: textsOf(server["listen"])}
		f.visit(server, nil, nil)
		all = append(all, f.found...)
	}
	return all
}

// ports returns the ports that the config's servers listen on.
func (c configTree) ports() []string {
	servers, _ := c.at("apps", "http", "servers").(map[string]any)
	var ports []string
	for _, server := range servers {
		object, _ := server.(map[string]any)
		for _, listen := range textsOf(object["listen"]) {
			if address, err := caddy.ParseNetworkAddress(listen); err == nil {
				ports = append(ports, strconv.FormatUint(uint64(address.StartPort), 10))
			}
		}
	}
	return ports
}

// visit looks for handlers in a node. after is what would handle a request next
// that the node passes on, the nearest first.
func (f *finder) visit(node any, after []any, hosts []string) {
	switch node := node.(type) {
	case []any:
		for i, member := range node {
			f.visit(member, append(followers(node, i), after...), hosts)
		}
	case map[string]any:
		if named := hostsOf(node["match"]); len(named) > 0 {
			hosts = named
		}
		if node["terminal"] == true {
			after = nil
		}
		if name, _ := node["handler"].(string); slices.Contains(f.modules, name) {
			f.found = append(f.found, foundHandler{name, node, firstProxy(after), f.listen, hosts})
		}
		for _, name := range slices.Sorted(maps.Keys(node)) {
			f.visit(node[name], after, hosts)
		}
	}
}

// followers are the members of a list of routes or handlers that come after one:
// all, except for those of its group, of which only one is ever used.
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

func groupOf(route any) string {
	object, _ := route.(map[string]any)
	group, _ := object["group"].(string)
	return group
}

// firstProxy returns the first reverse_proxy of the nodes.
func firstProxy(nodes []any) map[string]any {
	for _, node := range nodes {
		object, isObject := node.(map[string]any)
		if !isObject {
			continue
		}
		if object["handler"] == "reverse_proxy" {
			return object
		}
		for _, name := range []string{"handle", "routes"} {
			inside, _ := object[name].([]any)
			if proxy := firstProxy(inside); proxy != nil {
				return proxy
			}
		}
	}
	return nil
}

// hostsOf returns the host names of a list of matcher sets.
func hostsOf(match any) []string {
	sets, _ := match.([]any)
	var hosts []string
	for _, set := range sets {
		object, _ := set.(map[string]any)
		hosts = append(hosts, textsOf(object["host"])...)
	}
	return hosts
}

// textsOf returns the strings of a list.
func textsOf(list any) []string {
	members, _ := list.([]any)
	var texts []string
	for _, member := range members {
		if text, isText := member.(string); isText {
			texts = append(texts, text)
		}
	}
	return texts
}

// name tells the handler from others.
func (h foundHandler) name() string {
	where := h.listen
	if len(h.hosts) > 0 {
		where = h.hosts
	}
	if len(where) == 0 {
		return h.module
	}
	return h.module + " on " + strings.Join(where, ", ")
}

// isPrivate reports whether only this machine can reach the handler.
func (h foundHandler) isPrivate() bool {
	return !slices.ContainsFunc(h.listen, func(listen string) bool {
		address, err := caddy.ParseNetworkAddress(listen)
		return err != nil || !address.IsUnixNetwork() && !isLoopback(address.Host)
	})
}
