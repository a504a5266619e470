package grammar

import (
	"regexp"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

var (
	// inShells matches an environment variable in the syntax of shells, Compose and systemd.
	inShells = regexp.MustCompile(`\$\{(\w+)\}`)
	// bare matches a variable with braces only. Caddy's own placeholders contain a dot.
	bare = regexp.MustCompile(`\{(\w+)\}`)
)

// refuseVariables refuses values that contain an environment variable in a form that Caddy
// does not know, since it would never be expanded.
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

// variable returns the form in which the option accepts an environment variable.
func (o Option[T]) variable(name string) string {
	if o.Sets.isSecret {
		return "{env." + name + "}"
	}
	return "{$" + name + "}"
}
