// Package landlock confines the process to the files that its config needs.
package landlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/confinement"
	"github.com/caddy-payermax/caddy-payermax/keys"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App confines the whole process to the files that it needs, with the Linux kernel's
// Landlock. An attacker who takes over the process cannot read or write other files,
// such as tokens and data of other programs, and cannot start a program. It does not
// confine network connections: use a network policy for that.
//
// The process may read files below the directories of the key files and of a store's
// password, so that they can still be rotated; below /etc and /proc; the system's
// certificate authorities and time zones; and what the option `read` names. It may
// create, write and remove files below Caddy's own directories for data and
// configuration, in the directories of the Unix sockets that it listens on, and below
// what the option `write` names.
//
// It takes effect once the config is loaded, and holds until the process ends. A later
// config that needs other files is refused until Caddy is restarted.
type App struct {
	// Additional directories or files that may be read, such as those of TLS
	// certificates, of the Caddyfile if a signal reloads it, or of the token of a key
	// management service. They must exist.
	Read []string `json:"read,omitempty"`

	// Additional directories whose files may be read, created, written and removed,
	// such as that of a log file, which otherwise ends when it has to be rotated. They
	// must exist.
	Write []string `json:"write,omitempty"`

	// Whether to refuse the config if the kernel has no Landlock, because it is older
	// than Linux 5.13 or Landlock is turned off. By default that is only a warning.
	Required bool `json:"required,omitempty"`

	needed confinement.Paths
	logger *zap.Logger
}

// systemPaths are what Go and Caddy may want to read at any time: host names and DNS servers,
// certificate authorities, time zones, and the process's own statistics for the metrics. Not
// all systems have all of them.
var systemPaths = []string{
	"/etc", "/proc", "/run/systemd/resolve",
	"/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/var/lib/ca-certificates",
	"/usr/share/zoneinfo",
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax_landlock",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision determines what this config needs, and refuses it if the process is already
// confined to less. The handlers, which read the keys, are provisioned first.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	var listening *caddyhttp.App
	app, err := ctx.AppIfConfigured("http")
	switch {
	case err == nil:
		listening = app.(*caddyhttp.App)
	case !errors.Is(err, caddy.ErrNotConfigured):
		return err
	}
	if a.needed, err = a.need(slices.Concat(keys.Directories(), stores.Directories()), listening); err != nil {
		return err
	}
	return confinement.Allows(a.needed)
}

// Start confines the process, which by then has read everything that it reads only once.
func (a *App) Start() error {
	for _, directory := range caddyDirectories() {
		// A directory that does not exist now could not be created later. On a read-only file
		// system, Caddy does without it.
		_ = os.MkdirAll(directory, 0o700)
	}
	return confinement.Hold(a.needed, a.Required, a.logger)
}

// Stop does nothing: the confinement of a process cannot be lifted.
func (*App) Stop() error { return nil }

// need returns what this config needs. Its keys and passwords are in secretDirectories.
func (a *App) need(secretDirectories []string, listening *caddyhttp.App) (confinement.Paths, error) {
	var needed confinement.Paths
	for _, path := range a.Read {
		if _, err := os.Stat(path); err != nil {
			return needed, fmt.Errorf("read: %w; name an existing path", err)
		}
	}
	for _, path := range a.Write {
		if info, err := os.Stat(path); err != nil {
			return needed, fmt.Errorf("write: %w; create the directory first", err)
		} else if !info.IsDir() {
			return needed, fmt.Errorf("write: %s is not a directory; name its directory", path)
		}
	}
	if slices.Contains(secretDirectories, "/") {
		return needed, errors.New("the file of a key or password is in /, so everything would be readable; put it into its own directory")
	}
	// crypto/x509 reads these variables.
	authorities := append(filepath.SplitList(os.Getenv("SSL_CERT_DIR")), os.Getenv("SSL_CERT_FILE"))
	needed.Read = slices.Concat(a.Read, secretDirectories, systemPaths, authorities)
	needed.Write = slices.Concat(a.Write, socketDirectories(listening), caddyDirectories())
	return needed.Absolute()
}

// Outside returns the files that the process could not read once it is confined with these
// options. Its keys and passwords are in secretDirectories.
func Outside(read, write, secretDirectories, files []string) []string {
	held, err := (&App{Read: read, Write: write}).need(secretDirectories, nil)
	if err != nil {
		return nil // the config does not load
	}
	return slices.DeleteFunc(slices.Clone(files), func(file string) bool {
		needed, err := confinement.Paths{Read: []string{file}}.Absolute()
		_, isOutside := needed.Beyond(held)
		return err != nil || !isOutside
	})
}

// caddyDirectories returns the directories where Caddy keeps what it needs after a restart.
func caddyDirectories() []string { return []string{caddy.AppDataDir(), caddy.AppConfigDir()} }

// socketDirectories returns the directories of the Unix sockets that the servers listen on.
func socketDirectories(listening *caddyhttp.App) []string {
	if listening == nil {
		return nil
	}
	var directories []string
	for _, server := range listening.Servers {
		for _, text := range server.Listen {
			if address, err := caddy.ParseNetworkAddress(text); err == nil && address.IsUnixNetwork() && !strings.HasPrefix(address.Host, "@") {
				directories = append(directories, filepath.Dir(address.Host))
			}
		}
	}
	return directories
}

// Interface guards
var (
	_ caddy.App         = (*App)(nil)
	_ caddy.Provisioner = (*App)(nil)
)
