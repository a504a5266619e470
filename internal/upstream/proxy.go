package upstream

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// DefaultFailDuration is how long a gateway that could not be reached is skipped if there
// is another.
const DefaultFailDuration = 10 * time.Second

// ProxyOptions are the options in a payermax block that belong to reverse_proxy.
type ProxyOptions struct {
	// Directive is the name of the block's directive. Errors that belong to no option point
	// to its line.
	Directive caddyfile.Token
	// Hint returns a hint for an option that reverse_proxy does not know, or "".
	Hint func(name string) string

	tokens []caddyfile.Token
	names  []string
	// headerUp are the header_up options. They may set the Host header only to certain
	// values, which are not known until the gateway has been read.
	headerUp []caddyfile.Segment
}

// Names returns the names of the options, in the order in which they were added.
func (o *ProxyOptions) Names() []string { return o.names }

// has reports whether the block has the option.
func (o *ProxyOptions) has(name string) bool { return slices.Contains(o.names, name) }

// Add adds an option with its arguments and block. It returns an error if the option has no
// place beside a signed call.
func (o *ProxyOptions) Add(option caddyfile.Segment) error {
	d := caddyfile.NewDispenser(option)
	d.Next()
	name := d.Val()
	if err := refuseMisplaced(caddyfile.NewDispenser(option)); err != nil {
		return err
	}
	if name == "transport" {
		if o.has(name) {
			return d.Err("transport is already set")
		}
		if !d.NextArg() {
			return grammar.ErrValues
		}
		if d.Val() != "http" && d.Val() != "payermax" {
			return d.Errf("transport %s cannot carry a signed call; expected transport http", grammar.NameOrNot(d.Val()))
		}
		option[1].Text = "payermax"
	}
	o.names = append(o.names, name)
	o.tokens = append(o.tokens, option...)
	if name == "header_up" {
		o.headerUp = append(o.headerUp, option)
	}
	return nil
}

// Parse lets reverse_proxy's own parser read the options, preceded by the gateway's URLs
// and the transport that carries signed calls.
func (o *ProxyOptions) Parse(h httpcaddyfile.Helper, upstreams []string) (*reverseproxy.Handler, error) {
	for _, option := range o.headerUp {
		if err := refuseForeignHost(caddyfile.NewDispenser(option), upstreams); err != nil {
			return nil, err
		}
	}
	word := func(text string) caddyfile.Token {
		token := o.Directive
		token.Text = text
		return token
	}
	tokens := []caddyfile.Token{word("reverse_proxy")}
	for _, upstream := range upstreams {
		tokens = append(tokens, word(upstream))
	}
	tokens = append(tokens, word("{"))
	if !o.has("transport") {
		tokens = append(tokens, word("transport"), word("payermax"))
	}
	tokens = append(tokens, o.tokens...)
	// A brace closes a block only on a line of its own.
	last := tokens[len(tokens)-1]
	closing := word("}")
	closing.File, closing.Line = last.File, last.Line+strings.Count(last.Text, "\n")+1
	tokens = append(tokens, closing)

	proxy := new(reverseproxy.Handler)
	if err := proxy.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err != nil {
		return nil, grammar.Discreet(o.explain(err), o.tokens)
	}
	if len(upstreams) > 1 {
		o.failOver(proxy)
	}
	return proxy, proxy.FinalizeUnmarshalCaddyfile(h)
}

// explain adds a hint to an error about an option that reverse_proxy does not know: the
// option of this module that was probably meant, or the block in which the option
// belongs.
func (o *ProxyOptions) explain(err error) error {
	for _, name := range o.names {
		hint := o.Hint(name)
		if slices.Contains(transportOptions, name) {
			hint = "it belongs in transport http { }"
		}
		if hint != "" && strings.Contains(err.Error(), "unrecognized subdirective "+name+",") {
			return fmt.Errorf("%w; %s", err, hint)
		}
	}
	return err
}

// transportOptions are the options of Caddy's http transport that people mistakenly write
// outside the transport block.
var transportOptions = []string{
	"compression", "dial_fallback_delay", "dial_timeout", "expect_continue_timeout", "forward_proxy_url", "keepalive",
	"keepalive_idle_conns", "keepalive_idle_conns_per_host", "keepalive_interval", "local_address", "max_conns_per_host",
	"max_response_header", "network_proxy", "proxy_protocol", "read_buffer", "read_timeout", "resolvers", "response_header_timeout",
	"tls", "tls_client_auth", "tls_curves", "tls_except_ports", "tls_insecure_skip_verify", "tls_renegotiation", "tls_server_name",
	"tls_timeout", "tls_trust_pool", "tls_trusted_ca_certs", "versions", "write_buffer", "write_timeout",
}

// Resembling returns the option that is probably a misspelling of ours, or "".
func (o *ProxyOptions) Resembling(ours string) string {
	i := slices.IndexFunc(o.names, func(name string) bool {
		return grammar.Suggest(name, []string{ours}) != "" || strings.HasPrefix(name, ours+"=")
	})
	if i < 0 {
		return ""
	}
	return o.names[i]
}

// failOver makes the second upstream a backup of the first. It leaves the options that
// the block sets as they are.
func (o *ProxyOptions) failOver(proxy *reverseproxy.Handler) {
	if proxy.LoadBalancing == nil {
		proxy.LoadBalancing = new(reverseproxy.LoadBalancing)
	}
	balancing := proxy.LoadBalancing
	if !o.has("lb_policy") {
		balancing.SelectionPolicyRaw = json.RawMessage(`{"policy":"payermax_backup"}`)
	}
	if !o.has("lb_retries") && !o.has("lb_try_duration") {
		balancing.Retries = 1
	}
	if !o.has("lb_retry_match") {
		// Only the transport knows whether anything was written.
		balancing.RetryMatchRaw = caddyhttp.RawMatcherSets{
			caddy.ModuleMap{"vars": json.RawMessage(`{"{payermax.may_retry}":["true"]}`)},
		}
	}
	if !o.has("fail_duration") {
		if proxy.HealthChecks == nil {
			proxy.HealthChecks = new(reverseproxy.HealthChecks)
		}
		if proxy.HealthChecks.Passive == nil {
			proxy.HealthChecks.Passive = new(reverseproxy.PassiveHealthChecks)
		}
		proxy.HealthChecks.Passive.FailDuration = caddy.Duration(DefaultFailDuration)
	}
}

// misplaced are the options of reverse_proxy that would make a call differ from what
// was signed, or an answer from what was checked.
var misplaced = map[string]string{
	"to":              "gateway names the upstream",
	"dynamic":         "gateway names the upstream",
	"method":          "every call is a POST",
	"rewrite":         "a call is sent to the path of the endpoint for which it was signed",
	"handle_response": "the application must get the answer that was verified; a handler in between could replace it, or send the signed call elsewhere",
	"replace_status":  "the application must get the answer that was verified, with its status",
}

// refuseMisplaced refuses an option of reverse_proxy that could change a signed call or a
// verified answer. A JSON config can still have such options; the transport then undoes
// their effect on the call.
func refuseMisplaced(d *caddyfile.Dispenser) error {
	d.Next()
	name := d.Val()
	if reason, ok := misplaced[name]; ok {
		return d.Errf("%s has no place here: %s", name, reason)
	}
	switch name {
	case "header_up", "header_down":
		return refuseMisplacedField(d)
	}
	return nil
}
