package grammar

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Guests are the modules that an option may name.
type Guests struct {
	// Namespace is that of the modules, such as payermax.stores.
	Namespace string
	// Key is the member of a module's JSON that has its name, such as source.
	Key string
	// Elsewhere says which others there are, and which builds have them. It follows the names
	// of those that this program has, and may be "".
	Elsewhere string
	// AreOthers says that the modules are not ours, and that their errors repeat values.
	AreOthers bool
}

// ReadInto reads the name of a module, and what the module makes of the rest, into a field. The
// option may not be repeated.
func (g Guests) ReadInto(d *caddyfile.Dispenser, target *json.RawMessage) error {
	option := d.Val()
	if *target != nil {
		return d.Errf("%s is already set", option)
	}
	if !d.NextArg() {
		return ErrValues
	}
	name := d.Val()
	module, err := g.read(d, option)
	if err != nil {
		return err
	}
	*target = caddyconfig.JSONModuleObject(module, g.Key, name, nil)
	return nil
}

// read reads what follows the name of a module, on which the dispenser stands: the module
// parses it. The error about a name that is unknown does not repeat what may be secret.
func (g Guests) read(d *caddyfile.Dispenser, option string) (module caddyfile.Unmarshaler, err error) {
	name := d.Val()
	if err := g.Check(name); err != nil {
		return nil, d.Errf("%s: %w%s", option, err, Unexpanded(name))
	}
	options := Ahead(d)
	module, err = caddyfile.UnmarshalModule(d, g.Namespace+"."+name)
	if g.AreOthers {
		err = Discreet(err, options)
	}
	return module, err
}

// CheckRaw refuses JSON whose member Key names none of the modules. Caddy's own error would
// repeat the name, and people write the URL of a server there, with its password.
func (g Guests) CheckRaw(raw json.RawMessage) error {
	var members map[string]json.RawMessage
	var name string
	if json.Unmarshal(raw, &members) != nil || json.Unmarshal(members[g.Key], &name) != nil {
		return nil // which Caddy refuses, and repeats nothing
	}
	return g.Check(name)
}

// Check refuses the name of a module that is not part of this program.
func (g Guests) Check(name string) error {
	if _, err := caddy.GetModule(g.Namespace + "." + name); err == nil {
		return nil
	}
	var known []string
	for _, module := range caddy.GetModules(g.Namespace) {
		known = append(known, module.ID.Name())
	}
	expected := "expected one of " + strings.Join(known, ", ")
	if meant := Suggest(name, known); meant != "" {
		expected = "did you mean " + meant + "?"
	} else if g.Elsewhere != "" {
		expected += "; " + g.Elsewhere
	}
	return &discreetError{fmt.Sprintf("this program has no module %s.%s; %s", g.Namespace, NameOrNot(name), expected)}
}

// nameForm is what the name of an option or a module looks like. A token or a password is longer, or has
// other characters, unless it is a weak one.
var nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,31}$`)

// isName reports whether a text can be the name of an option or of a module.
func isName(text string) bool { return nameForm.MatchString(text) }

// NameOrNot is a name as an error shows it: not at all if it is hardly a name.
func NameOrNot(text string) string {
	if isName(text) {
		return text
	}
	return hidden + " (which is not repeated here, since it may be secret)"
}
