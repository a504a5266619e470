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

// Guests describes the modules that an option may name.
type Guests struct {
	// Namespace is the namespace of the modules, such as payermax.stores.
	Namespace string
	// Key is the member of a module's JSON that contains its name, such as source.
	Key string
	// Elsewhere says which other modules exist, and which builds include them. It follows the
	// names of the modules in this program, and may be "".
	Elsewhere string
	// AreOthers says that the modules are not ours, so that their errors may repeat values.
	AreOthers bool
}

// ReadInto reads the name of a module, lets the module read the rest, and sets the field. The
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

// read lets the module whose name is at the dispenser's position parse what follows. The
// error about an unknown name does not repeat anything that may be secret.
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
// repeat the name, and people write a server's URL there, with its password.
func (g Guests) CheckRaw(raw json.RawMessage) error {
	var members map[string]json.RawMessage
	var name string
	if json.Unmarshal(raw, &members) != nil || json.Unmarshal(members[g.Key], &name) != nil {
		return nil // Caddy refuses it, and repeats nothing
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

// nameForm matches what looks like the name of an option or a module. A token or a password
// is longer or has other characters, unless it is weak.
var nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,31}$`)

// isName reports whether a text can be the name of an option or a module.
func isName(text string) bool { return nameForm.MatchString(text) }

// NameOrNot returns a name for use in an error, or hides it if it hardly looks like a name.
func NameOrNot(text string) string {
	if isName(text) {
		return text
	}
	return hidden + " (which is not repeated here, since it may be secret)"
}
