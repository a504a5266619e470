package grammar

import (
	"regexp"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

var (
	// inShells is an environment variable as shells, Compose and systemd write it.
	inShells = regexp.MustCompile(`\$\{(\w+)\}`)
	// bare is one that has only braces. Caddy's own placeholders have a dot.
	bare = regexp.MustCompile(`\{(\w+)\}`)
)

// refuseVariables refuses values with an environment variable in a form that Caddy does
// not know: nobody would ever expand it.
func (o Option[T]) refuseVariables(d *caddyfile.Dispenser, values []string) error {
	for _, value := range values {
		found := inShells.FindStringSubmatch(value)
		if found == nil && !o.PerRequest {
			found = bare.FindStringSubmatch(value)
		}
		if found != nil {
			return d.Errf("%s: %s is not expanded; in a Caddyfile, write the environment variable %s as %s", o.Name, found[0], found[1], o.variable(found[1]))
		}
	}
	return nil
}

// variable is how the option takes the value of an environment variable.
func (o Option[T]) variable(name string) string {
	if o.Sets.isSecret {
		return "{env." + name + "}"
	}
	return "{$" + name + "}"
}
