package payermax

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// merchantOptions are the options of a merchant, whether it is the only one or one
// of several.
var merchantOptions = grammar.Block[Merchant]{
	{Name: "app_id", Args: "<app_id>", Example: "app_id {env.PAYERMAX_APP_ID}",
		Sets: grammar.Text(func(m *Merchant) *string { return &m.AppID })},
	{Name: "merchant_no", Args: "<merchant_no>", Example: "merchant_no {env.PAYERMAX_MERCHANT_NO}",
		Sets: grammar.Text(func(m *Merchant) *string { return &m.MerchantNo })},
	{Name: "sp_merchant_no", Args: "<sp_merchant_no>", Example: "sp_merchant_no SP1002",
		Sets: grammar.Text(func(m *Merchant) *string { return &m.SPMerchantNo })},
	{Name: "merchant_auth_token", Args: "<placeholder>", Example: "merchant_auth_token {file./run/secrets/payermax/token}", PerRequest: true,
		Sets: grammar.Placeholder(func(m *Merchant) *string { return &m.MerchantAuthToken })},
	{Name: "private_key", Args: "<path>", ShortFor: "key file <path>", Example: "private_key /run/secrets/payermax/private.key",
		Sets: grammar.Into(func(m *Merchant) *json.RawMessage { return &m.KeyRaw }, keys.ReadFilePath)},
	{Name: "key", Args: "<source> [...]", Example: `key file /run/secrets/payermax/private.key {
	refuse_world_readable
}`,
		Sets: grammar.Into(func(m *Merchant) *json.RawMessage { return &m.KeyRaw }, keys.ReadSource)},
	{Name: "next_private_key", Args: "<path>", ShortFor: "next_key file <path>", Example: "next_private_key /run/secrets/payermax/next.key",
		Sets: grammar.Into(func(m *Merchant) *json.RawMessage { return &m.NextKeyRaw }, keys.ReadFilePath)},
	{Name: "next_key", Args: "<source> [...]", Example: "next_key file /run/secrets/payermax/next.key",
		Sets: grammar.Into(func(m *Merchant) *json.RawMessage { return &m.NextKeyRaw }, keys.ReadSource)},
	{Name: "merchant_public_key", Args: "<path>", Example: "merchant_public_key /run/secrets/payermax/merchant.pub",
		Sets: grammar.Path(func(m *Merchant) *string { return &m.MerchantPublicKey })},
	{Name: "gateway_public_key", Args: "<paths...>", Example: `gateway_public_key /run/secrets/payermax/payermax.pub
gateway_public_key /run/secrets/payermax/payermax-next.pub`,
		Sets: grammar.Paths(func(m *Merchant) *[]string { return &m.GatewayPublicKeys })},
	{Name: "key_version", Args: "<key_version>", Example: "key_version {file./run/secrets/payermax/key_version}",
		Sets: grammar.Text(func(m *Merchant) *string { return &m.KeyVersion })},
}

// handlerOptions are the options of payermax_sign.
var handlerOptions = slices.Concat(grammar.Block[Handler]{
	{Name: "merchant", Args: "[<merchant_no>]", Example: `merchant 020213827212251 {
	app_id {env.FIRST_APP_ID}
	private_key /run/secrets/first/private.key
}
merchant 020213827212252 {
	app_id {env.SECOND_APP_ID}
	private_key /run/secrets/second/private.key
}`,
		Sets: grammar.List(func(h *Handler) *[]MerchantChoice { return &h.Merchants }, readMerchantNo, choiceOptions)},
	{Name: "endpoints", Args: "drop_in|all|<names...>", Example: "endpoints applyDropinSession orderAndPay orderQuery",
		AsWritten: true, Sets: grammar.Names(func(h *Handler) *[]string { return &h.Endpoints })},
	{Name: "version", Args: "[<endpoint>] <version>", Example: `version applyDropinSession 1.6
version orderAndPay 1.4`,
		Sets: grammar.Into(func(h *Handler) *map[string]string { return &h.Versions }, readVersion)},
	{Name: "validation", Args: "strict|warn|off", Example: "validation warn",
		AsWritten: true, Sets: grammar.Text(func(h *Handler) *string { return &h.Validation })},
	{Name: "contract", Example: `contract {
	currencies IDR USD
	countries ID
	components CARD APPLEPAY
}`,
		Sets: grammar.Nested(func(h *Handler) **Contract { return &h.Contract }, contractOptions)},
	{Name: "limits", Example: `limits {
	max_amount IDR 5000000
	rate 50 100
}`,
		Sets: grammar.Nested(func(h *Handler) **limits.Limits { return &h.Limits }, limits.Options)},
	{Name: "store", Args: "memory|redis [...]", Example: "store memory",
		Sets: grammar.Into(func(h *Handler) *json.RawMessage { return &h.StoreRaw }, stores.ReadStore)},
	{Name: "shadow", Example: "shadow",
		Sets: grammar.Flag(func(h *Handler) *bool { return &h.Shadow })},
	{Name: "follow_gateway_clock", Example: "follow_gateway_clock",
		Sets: grammar.Flag(func(h *Handler) *bool { return &h.FollowGatewayClock })},
	{Name: "retry_repeatable", Example: "retry_repeatable",
		Sets: grammar.Flag(func(h *Handler) *bool { return &h.RetryRepeatable })},
	{Name: "status_200", Example: "status_200",
		Sets: grammar.Flag(func(h *Handler) *bool { return &h.Status200 })},
	{Name: "max_body_size", Args: "<size>", Example: "max_body_size 128KiB",
		Sets: grammar.Size(func(h *Handler) *int64 { return &h.MaxBodySize }, grammar.Range{Least: "128B", Most: "1GiB"})},
	{Name: "max_in_flight", Args: "<number>", Example: "max_in_flight 500",
		Sets: grammar.Parsed(func(h *Handler) *int { return &h.MaxInFlight }, "a positive whole number", parseCount)},
	{Name: "max_wait", Args: "<duration>", Example: "max_wait 500ms",
		Sets: grammar.Duration(func(h *Handler) *caddy.Duration { return &h.MaxWait }, grammar.Range{Least: "1ms", Most: "1h"})},
	{Name: "timeout", Args: "<duration>", Example: "timeout 20s",
		Sets: grammar.Duration(func(h *Handler) *caddy.Duration { return &h.Timeout }, grammar.Range{Least: "1ms", Most: "1h"})},
}, grammar.Lift(merchantOptions, func(h *Handler) *Merchant { return &h.Merchant }))

// parseCount parses a positive whole number.
func parseCount(text string) (count int, ok bool) {
	count, err := strconv.Atoi(text)
	return count, err == nil && count > 0
}

// readVersion reads the version of an endpoint. If no endpoint is named, it is the
// version of applyDropinSession.
func readVersion(d *caddyfile.Dispenser, versions *map[string]string) error {
	args := d.RemainingArgs()
	switch len(args) {
	case 1:
		if _, ok := protocol.Lookup(args[0]); ok {
			return d.Errf("version of %[1]s: the version is missing; write it after the name, such as version %[1]s 1.4", args[0])
		}
		args = []string{protocol.SessionEndpoint, args[0]}
	case 2:
	default:
		return grammar.ErrValues
	}
	if _, ok := (*versions)[args[0]]; ok {
		return d.Errf("version of %s is already set", args[0])
	}
	if err := grammar.NotEmpty(d, "version of "+args[0], args[1]); err != nil {
		return err
	}
	grammar.Put(versions, args[0], args[1])
	return nil
}

// choiceOptions are the options of one of several merchants.
var choiceOptions = slices.Concat(grammar.Block[MerchantChoice]{
	{Name: "match", Args: "[<matchers...>] { ... }", Example: `match {
	header X-Shop second
	remote_ip 127.0.0.1
}`,
		Sets: grammar.Into(func(c *MerchantChoice) *caddyhttp.RawMatcherSets { return &c.MatcherSetsRaw }, readMatchers)},
}, grammar.Lift(merchantOptions, func(c *MerchantChoice) *Merchant { return &c.Merchant }))

// readMerchantNo reads the merchant number, which may precede the block of one of several
// merchants.
func readMerchantNo(d *caddyfile.Dispenser, choice *MerchantChoice) error {
	switch args := d.RemainingArgs(); len(args) {
	case 0:
	case 1:
		choice.MerchantNo = args[0]
	default:
		return grammar.ErrValues
	}
	return nil
}

// readMatchers adds a set of matchers. It refuses an empty set, which would match every
// request.
func readMatchers(d *caddyfile.Dispenser, sets *caddyhttp.RawMatcherSets) error {
	name, options := d.Val(), grammar.Ahead(d)
	set, err := caddyhttp.ParseCaddyfileNestedMatcherSet(d)
	if err != nil {
		return grammar.Discreet(err, options[1:]) // they begin with the name of a matcher
	}
	if len(set) == 0 {
		return d.Errf("%s has no matcher; add one, or remove the option so that merchantNo chooses the merchant", name)
	}
	*sets = append(*sets, caddy.ModuleMap(set))
	return nil
}

// contractOptions are the options of what a merchant's contract covers.
var contractOptions = grammar.Block[Contract]{
	{Name: "currencies", Args: "<codes...>", Example: "currencies IDR USD",
		AsWritten: true, Sets: grammar.Names(func(c *Contract) *[]string { return &c.Currencies })},
	{Name: "countries", Args: "<codes...>", Example: "countries ID US",
		AsWritten: true, Sets: grammar.Names(func(c *Contract) *[]string { return &c.Countries })},
	{Name: "components", Args: "<names...>", Example: "components CARD APPLEPAY",
		AsWritten: true, Sets: grammar.Names(func(c *Contract) *[]string { return &c.Components })},
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. The options of
// payermax_sign are in docs/configuration.md.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive name
	return grammar.BelongsIn(handlerOptions.Read(d, h), "gateway", "payermax { }; payermax_sign leaves the gateway to reverse_proxy")
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Handler)(nil)
