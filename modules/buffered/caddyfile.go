package buffered

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// Options are the options of the writer.
var Options = grammar.Block[Writer]{
	{Name: "wrap", Args: "<writer...>", Example: "wrap file /var/log/payermax/calls.log {\n\troll_size 100MiB\n}",
		Sets: grammar.Into(func(w *Writer) *json.RawMessage { return &w.WrapRaw }, readWrapped)},
	{Name: "size", Args: "<size>", Example: "size 1MiB",
		Sets: grammar.Size(func(w *Writer) *int64 { return &w.Size }, grammar.Range{Least: "4KiB", Most: "1GiB"})},
}

// UnmarshalCaddyfile sets up the writer from Caddyfile tokens:
//
//	payermax_buffered {
//	    <options...>
//	}
//
// The block may be left out. The options are in docs/configuration.md.
func (w *Writer) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the writer's name
	return Options.Read(d, w)
}

// standard maps the names of Caddy's writers that have no Caddyfile grammar of their own.
var standard = map[string]caddy.WriterOpener{
	"stdout":  caddy.StdoutWriter{},
	"stderr":  caddy.StderrWriter{},
	"discard": caddy.DiscardWriter{},
}

// writers reads the writers that do have a Caddyfile grammar.
var writers = grammar.Guests{Namespace: "caddy.logging.writers", Key: "output", AreOthers: true}

// readWrapped reads a writer with the syntax of Caddy's option output.
func readWrapped(d *caddyfile.Dispenser, target *json.RawMessage) error {
	if *target == nil && d.NextArg() {
		name := d.Val()
		if writer, isStandard := standard[name]; isStandard {
			*target = caddyconfig.JSONModuleObject(writer, "output", name, nil)
			return grammar.NoArgs(d)
		}
		d.Prev()
	}
	return writers.ReadInto(d, target)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*Writer)(nil)
