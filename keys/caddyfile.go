package keys

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-payermax/caddy-payermax/internal/grammar"
)

// guests are the Caddy modules that are sources of keys.
var guests = grammar.Guests{Namespace: "payermax.keys", Key: "source", Elsewhere: "kms and vault are part of builds with the module keys/kms, and openssl of those with keys/openssl"}

// ReadSource reads the config of a key from any source: the source's name, followed by
// the source's own arguments and block.
func ReadSource(d *caddyfile.Dispenser, target *json.RawMessage) error {
	return guests.ReadInto(d, target)
}

// ReadFilePath reads the short form for a key in a file, which is just the path.
func ReadFilePath(d *caddyfile.Dispenser, target *json.RawMessage) error {
	name := d.Val()
	var path string
	if err := grammar.Once(d, *target != nil, &path); err != nil {
		return err
	}
	if err := grammar.CheckPaths(d, name, path); err != nil {
		return err
	}
	*target = caddyconfig.JSONModuleObject(File{Path: path}, "source", "file", nil)
	return nil
}

// FileOptions are the options of the source file.
var FileOptions = grammar.Block[File]{
	{Name: "refuse_world_readable", Example: "refuse_world_readable",
		Sets: grammar.Flag(func(f *File) *bool { return &f.RefuseWorldReadable })},
	{Name: "engine", Args: "<name>", Example: "engine batch",
		Sets: grammar.Parsed(func(f *File) *string { return &f.Engine }, engineBatch+", or be left out for "+engineStandard,
			func(text string) (string, bool) { return text, text == engineBatch })},
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens:
//
//	file <path> {
//	    <options...>
//	}
//
// The block may be left out. The options of key file are in docs/configuration.md.
func (f *File) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the source's name
	if !d.AllArgs(&f.Path) {
		return grammar.ErrValues
	}
	if f.Path == "" {
		return d.Errf("the path of the key's file is empty; set it; %s", grammar.NotSet())
	}
	if err := grammar.CheckPaths(d, "key file", f.Path); err != nil {
		return err
	}
	return FileOptions.ReadBlock(d, f)
}

// Interface guards
var _ caddyfile.Unmarshaler = (*File)(nil)
