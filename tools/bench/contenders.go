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

// overTLS is the suffix of the names of targets that reach the gateway over TLS, as in production.
const overTLS = ", TLS"

// beside returns the name of the target of another kind that reaches the gateway in the same way.
func beside(kind, name string) string {
	if strings.HasSuffix(name, overTLS) {
		return kind + overTLS
	}
	return kind
}

// contender is a Caddy that takes part in the comparison.
type contender struct {
	name   string
	binary string
	// key is the key option, with %s for the path of the private key. If it is empty, nothing is
	// signed.
	key string
	// isChecked is true if answers are verified.
	isChecked bool
	// writesPlainly is true if Caddy itself writes the log, line by line.
	writesPlainly bool
	// options are additional options of the payermax block.
	options string
	// env holds additional environment variables.
	env []string
}

// asShipped is the environment that the image and the manifests set. Plain Caddy gets it as well,
// so that the sidecar is the only difference.
var asShipped = []string{"GOGC=200"}

// contenders are all contenders except nginx.
var contenders = []contender{
	{name: targetPlain, binary: stockCaddy, env: asShipped},
	{name: targetBefore, binary: sidecarBefore, key: "private_key %s", isChecked: true, writesPlainly: true},
	{name: targetUnchecked, binary: sidecar, key: "private_key %s", env: asShipped},
	{name: targetVerifying, binary: sidecar, key: "private_key %s", isChecked: true, env: asShipped},
	{name: targetOpenSSL, binary: sidecarOpenSSL, key: "key openssl %s", isChecked: true, env: asShipped},
	{name: targetBatch, binary: sidecar, key: "key file %s {\n\t\t\tengine batch\n\t\t}", isChecked: true, env: asShipped},
}

// errCannot is wrapped by errors that say why a contender cannot take part.
var errCannot = errors.New("is left out")

// gateway is the upstream that a target sends its calls to.
type gateway struct {
	port int
	tls  bool
}

// caddyfile returns the configuration of a Caddy. Its log goes to a pipe, like a container's. The
// sidecar's log is buffered, as in the shipped configs.
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

// canStart returns an error that says why the contender cannot take part: its binary could not be
// built, or does not know an option of its configuration.
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
