package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Config is a config file before it is adapted.
type Config struct {
	// Name is the name of its file, or another name for the report.
	Name string
	// Adapter is the name of its config adapter, or "" for Caddy's own JSON.
	Adapter string
	Text    []byte
	// NeedsAdapter is true if Caddy would read a file of this name as JSON unless an adapter
	// is named.
	NeedsAdapter bool
}

// readConfig reads a config. The adapter is guessed if it is not named.
func readConfig(name, adapter string) (Config, error) {
	base := strings.ToLower(filepath.Base(name))
	needsAdapter := false
	if adapter == "" && !strings.HasSuffix(base, ".json") {
		adapter = "caddyfile"
		needsAdapter = name != "-" && !strings.HasPrefix(base, "caddyfile") && !strings.HasSuffix(base, ".caddyfile")
	}
	if adapter == "json" {
		adapter = ""
	}
	config := Config{Name: name, Adapter: adapter, NeedsAdapter: needsAdapter}
	var err error
	if name == "-" {
		config.Name = "standard input"
		config.Text, err = io.ReadAll(os.Stdin)
	} else {
		config.Text, err = os.ReadFile(name)
	}
	if err != nil && signer.LooksLikeKey(name) {
		return Config{}, errors.New("reading the config: --config looks like a key itself; name the file of the config")
	}
	if err != nil {
		return Config{}, fmt.Errorf("reading the config: %w; name the file with --config", err)
	}
	return config, nil
}

// adapt turns the config into Caddy's JSON.
func (c Config) adapt() (configTree, error) {
	text := c.Text
	if c.Adapter != "" {
		adapter := caddyconfig.GetAdapter(c.Adapter)
		if adapter == nil {
			return nil, fmt.Errorf("there is no config adapter %q in this binary", c.Adapter)
		}
		var err error
		if text, _, err = adapter.Adapt(text, map[string]any{"filename": c.Name}); err != nil {
			return nil, err
		}
	}
	return decodeTree(caddy.RemoveMetaFields(text))
}

// configTree is a config in Caddy's JSON, decoded. Numbers are json.Number, so that none
// loses digits when it is encoded again.
type configTree map[string]any

// decodeTree decodes JSON. Its errors quote nothing.
func decodeTree(text []byte) (configTree, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var tree configTree
	if err := decoder.Decode(&tree); err != nil || tree == nil {
		return nil, errors.New("the config is not a JSON object; for another format, name its adapter with --adapter")
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

// at returns the value at a path of names, or nil.
func (c configTree) at(path ...string) any {
	var node any = map[string]any(c)
	for _, name := range path {
		object, _ := node.(map[string]any)
		node = object[name]
	}
	return node
}

// foundHandler is one of this module's handlers in a config.
type foundHandler struct {
	// module is the handler's name, such as payermax.
	module string
	config map[string]any
	// whole is the config that contains the handler.
	whole configTree
	// proxy is the reverse_proxy that follows, or nil.
	proxy map[string]any
	// listen are the addresses of the handler's server, and hosts the host names that its
	// routes match.
	listen, hosts []string
	// waysPast are the ways for requests to bypass a handler that verifies.
	waysPast []notify.WayPast
	// place is the handler's position in the config.
	place layout.Handler
	// becomesHTTPS is true if automatic HTTPS makes Caddy serve the handler's site over
	// HTTPS.
	becomesHTTPS bool
	// gracePeriod and shutdownDelay are options of the config, and writeTimeout one of the
	// handler's server.
	gracePeriod, shutdownDelay, writeTimeout time.Duration
}

// handlers returns the handlers that sign or verify, wherever they are nested.
func (c configTree) handlers() []foundHandler { return c.find(layout.Sign, layout.Notify) }

// find returns the handlers of the named modules, wherever they are nested.
func (c configTree) find(modules ...string) []foundHandler {
	servers, _ := c.at("apps", "http", "servers").(map[string]any)
	read := layout.Read(servers)
	var all []foundHandler
	for _, h := range read.Handlers {
		if !slices.Contains(modules, h.Module) {
			continue
		}
		h.OverTLS = c.speaksTLS(h.Server)
		found := foundHandler{module: h.Module, config: h.Config, whole: c, proxy: h.Proxy(), place: h, listen: h.Listen, hosts: h.Hosts,
			gracePeriod: durationOf(c.at("apps", "http", "grace_period")), shutdownDelay: durationOf(c.at("apps", "http", "shutdown_delay")),
			writeTimeout: durationOf(h.Server["write_timeout"]), becomesHTTPS: h.BecomesHTTPS() && !c.isHTTPPort(h.Listen) && !c.automates(h.Hosts)}
		if h.Module == layout.Notify {
			found.waysPast = notify.WaysPast(read, h)
		}
		all = append(all, found)
	}
	return all
}

// automates reports whether the config says where all these hosts get their certificates
// from, for example with tls internal.
func (c configTree) automates(hosts []string) bool {
	policies, _ := c.at("apps", "tls", "automation", "policies").([]any)
	named := make(map[string]bool)
	for _, policy := range policies {
		object, _ := policy.(map[string]any)
		for _, subject := range layout.Texts(object["subjects"]) {
			named[subject] = true
		}
	}
	return !slices.ContainsFunc(hosts, func(host string) bool { return !named[host] })
}

// isHTTPPort reports whether a server listens only on the HTTP port, where Caddy speaks
// HTTP by default.
func (c configTree) isHTTPPort(listen []string) bool {
	return onlyOn(c.httpPort(), listen)
}

// servers returns the config's servers.
func (c configTree) servers() []map[string]any {
	named, _ := c.at("apps", "http", "servers").(map[string]any)
	var all []map[string]any
	for _, server := range named {
		object, _ := server.(map[string]any)
		all = append(all, object)
	}
	return all
}

// ports returns the ports that the config's servers listen on.
func (c configTree) ports() []string {
	var ports []string
	for _, server := range c.servers() {
		for _, address := range addressesOf(layout.Texts(server["listen"])) {
			ports = append(ports, strconv.FormatUint(uint64(address.StartPort), 10))
		}
	}
	return ports
}

// name identifies the handler in the report.
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

// addressesOf returns the addresses that a server listens on, with placeholders expanded.
// Caddy refuses those that it cannot read.
func addressesOf(listen []string) []caddy.NetworkAddress {
	var addresses []caddy.NetworkAddress
	for _, text := range listen {
		if address, err := caddy.ParseNetworkAddress(caddy.NewReplacer().ReplaceKnown(text, "")); err == nil {
			addresses = append(addresses, address)
		}
	}
	return addresses
}
