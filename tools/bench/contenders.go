package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Names of the contenders, in the order in which they are measured.
const (
	targetPlain     = "Caddy reverse_proxy, unsigned"
	targetBefore    = "sidecar before, go"
	targetUnchecked = "sidecar, go, answers unchecked"
	targetVerifying = "sidecar, go"
	targetOpenSSL   = "sidecar, openssl"
	targetBatch     = "sidecar, batch"
	targetNginx     = "nginx + Lua + OpenSSL, answers unchecked"
)

// overTLS is what the names of targets end with that reach the gateway over TLS, as
// all do in production.
const overTLS = ", TLS"

// beside is the target of another kind that has the same way to the gateway.
func beside(kind, name string) string {
	if strings.HasSuffix(name, overTLS) {
		return kind + overTLS
	}
	return kind
}

// contender is a Caddy that takes part.
type contender struct {
	name   string
	binary string
	// key is the option with the path of the private key in place of %s. Without it
	// nothing is signed.
	key string
	// isChecked says that answers are verified.
	isChecked bool
	// writesPlainly says that the log is written line by line, by Caddy alone.
	writesPlainly bool
	// options are further ones of the payermax block.
	options string
	// env has further environment variables.
	env []string
}

// asShipped is the environment that the image and the manifests set. Plain Caddy has it
// as well, so that it differs by nothing but the sidecar.
var asShipped = []string{"GOGC=200"}

// contenders are all but nginx.
var contenders = []contender{
	{name: targetPlain, binary: stockCaddy, env: asShipped},
	{name: targetBefore, binary: sidecarBefore, key: "private_key %s", isChecked: true, writesPlainly: true},
	{name: targetUnchecked, binary: sidecar, key: "private_key %s", env: asShipped},
	{name: targetVerifying, binary: sidecar, key: "private_key %s", isChecked: true, env: asShipped},
	{name: targetOpenSSL, binary: sidecarOpenSSL, key: "key openssl %s", isChecked: true, env: asShipped},
	{name: targetBatch, binary: sidecar, key: "key file %s {\n\t\t\tengine batch\n\t\t}", isChecked: true, env: asShipped},
}

// errCannot says that a contender cannot take part, and why.
var errCannot = errors.New("is left out")

// gateway is where a target sends its calls.
type gateway struct {
	port int
	tls  bool
}

// caddyfile is the configuration of a Caddy. Its log goes to a pipe, as a
// container's does; the sidecar's is handed over, as in the configs that are shipped.
func (c contender) caddyfile(m *material, t *target, to gateway) string {
	global := fmt.Sprintf("\tadmin 127.0.0.1:%d\n\tpersist_config off\n", t.adminPort)
	scheme, trust := "http", ""
	if to.tls {
		scheme, trust = "https", "\n\t\ttransport http {\n\t\t\ttls_trust_pool file "+m.certificate+"\n\t\t}"
	}
	if c.key == "" {
		return fmt.Sprintf("{\n%s}\n:%d {\n\tbind 127.0.0.1\n\treverse_proxy %s://127.0.0.1:%d {%s\n\t}\n}\n", global, t.port, scheme, to.port, trust)
	}
	options := c.options
	if c.isChecked {
		options += "\n\t\tgateway_public_key " + m.publicKey
	}
	output := "payermax_buffered"
	if c.writesPlainly {
		output = "stderr"
	}
	return fmt.Sprintf(`{
%s	log {
		output %s
	}
}
:%d {
	bind 127.0.0.1
	payermax {
		gateway %s://127.0.0.1:%d
		app_id %s
		%s%s%s
	}
}
:%d {
	bind 127.0.0.1
	payermax_health
}
`, global, output, t.port, scheme, to.port, appID, fmt.Sprintf(c.key, m.privateKey), options, trust, t.healthPort)
}

// canStart tells why the contender cannot take part: its binary could not be built, or
// does not know what its configuration says.
func (c contender) canStart(m *material, config string) error {
	binary := filepath.Join(m.dir, c.binary)
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%s %w: its binary could not be built; it needs %s", c.name, errCannot, needs[c.binary])
	}
	if err := caddyCommand(m, binary, "adapt", "--adapter", "caddyfile", "--config", config).Run(); err != nil {
		return fmt.Errorf("%s %w: this sidecar does not know one of its options", c.name, errCannot)
	}
	return nil
}
