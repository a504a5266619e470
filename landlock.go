package payermax

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/keys"
)

func init() {
	caddy.RegisterModule(new(Landlock))
}

// Landlock confines the whole process to the files that it needs, by the Linux
// kernel's Landlock. Whoever took the process over could not read other files, such
// as the tokens and data of whatever else runs there, not write any, and start no
// program. What it may connect to is not confined; that is for a network policy.
//
// Files may be read that lie below the directories of the key files, so that keys
// can still be rotated; below /etc and /proc; those of the system's certificate
// authorities and time zones; and what the option read names. Files may be written,
// made and removed below Caddy's own directories for data and configuration, in the
// directories of the Unix sockets that are listened on, and below what the option
// write names.
//
// It takes effect when the config has been loaded, and cannot be taken back: it
// holds for later configs until the process ends, and one that needs other files
// is refused until Caddy is restarted.
type Landlock struct {
	// Other directories, or files, that may be read: such as those of TLS
	// certificates and of the Caddyfile, if it is loaded again by a signal, or the
	// token of a key management service. They must exist.
	Read []string `json:"read,omitempty"`

	// Other directories whose files may be read, written, made and removed, such
	// as that of a log file. They must exist.
	Write []string `json:"write,omitempty"`

	// Whether to refuse the config on a kernel without Landlock, which is before
	// Linux 5.13 or turned off, rather than to warn of it. Default: false.
	Required bool `json:"required,omitempty"`

	needed paths
	logger *zap.Logger
}

// readRights and writeRights are what may be done below a path. No right is to
// execute a file.
const (
	fileReadRights = ll.AccessFSReadFile
	readRights     = fileReadRights | ll.AccessFSReadDir
	writeRights    = readRights | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSMakeDir |
		ll.AccessFSMakeSock | ll.AccessFSRemoveFile | ll.AccessFSRemoveDir
)

// systemPaths are what Go and Caddy may want to read at any time: the names of
// hosts and the DNS servers, certificate authorities, time zones, and the
// process's own numbers for the metrics. Not all systems have all of them.
var systemPaths = []string{
	"/etc", "/proc", "/run/systemd/resolve",
	"/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/var/lib/ca-certificates",
	"/usr/share/zoneinfo",
}

// CaddyModule returns the Caddy module information.
func (*Landlock) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "payermax_landlock",
		New: func() caddy.Module { return new(Landlock) },
	}
}

// Provision finds out what this config needs, and refuses it if the process is
// confined to less. The handlers, which read the keys, are provisioned first.
func (l *Landlock) Provision(ctx caddy.Context) error {
	l.logger = ctx.Logger()
	var listening *caddyhttp.App
	app, err := ctx.AppIfConfigured("http")
	switch {
	case err == nil:
		listening = app.(*caddyhttp.App)
	case !errors.Is(err, caddy.ErrNotConfigured):
		return err
	}
	if l.needed, err = l.need(listening); err != nil {
		return err
	}
	return theConfinement.allows(l.needed)
}

// Start confines the process, which has read by then what it reads only once.
func (l *Landlock) Start() error {
	for _, directory := range caddyDirectories() {
		// What is not there now could not be made later. On a read-only file system
		// Caddy does without.
		_ = os.MkdirAll(directory, 0o700)
	}
	return theConfinement.hold(l.needed, l.Required, l.logger)
}

// Stop does nothing: a process cannot be set free.
func (*Landlock) Stop() error { return nil }

// need returns what this config needs.
func (l *Landlock) need(listening *caddyhttp.App) (paths, error) {
	var needed paths
	for _, path := range l.Read {
		if _, err := os.Stat(path); err != nil {
			return needed, fmt.Errorf("read: %w; name what exists", err)
		}
	}
	for _, path := range l.Write {
		if info, err := os.Stat(path); err != nil {
			return needed, fmt.Errorf("write: %w; make the directory first", err)
		} else if !info.IsDir() {
			return needed, fmt.Errorf("write: %s is no directory; name the one that it is in", path)
		}
	}
	directories := keys.Directories()
	if slices.Contains(directories, "/") {
		return needed, errors.New("a key file lies in /, so that everything could be read; put it into a directory of its own")
	}
	// As crypto/x509 has them.
	authorities := append(filepath.SplitList(os.Getenv("SSL_CERT_DIR")), os.Getenv("SSL_CERT_FILE"))
	needed.read = slices.Concat(l.Read, directories, systemPaths, authorities)
	needed.write = slices.Concat(l.Write, socketDirectories(listening), caddyDirectories())
	return needed.absolute()
}

// caddyDirectories are where Caddy keeps what it needs another time.
func caddyDirectories() []string { return []string{caddy.AppDataDir(), caddy.AppConfigDir()} }

// socketDirectories are those of the Unix sockets that are listened on.
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

// paths are what a process may read, and what it may also write.
type paths struct{ read, write []string }

// absolute returns the paths in a form in which they can be compared.
func (p paths) absolute() (paths, error) {
	for _, list := range []*[]string{&p.read, &p.write} {
		clean := make([]string, 0, len(*list))
		for _, path := range *list {
			if path == "" {
				continue
			}
			path, err := filepath.Abs(path)
			if err != nil {
				return p, err
			}
			clean = append(clean, path)
		}
		slices.Sort(clean)
		*list = slices.Compact(clean)
	}
	return p, nil
}

// beyond returns the first of the paths that is not below one of another set.
func (p paths) beyond(held paths) (string, bool) {
	for _, path := range p.write {
		if !isBelow(path, held.write) {
			return path, true
		}
	}
	for _, path := range p.read {
		if !isBelow(path, held.read) && !isBelow(path, held.write) {
			return path, true
		}
	}
	return "", false
}

// isBelow reports whether a path is one of the others or below one of them.
func isBelow(path string, others []string) bool {
	return slices.ContainsFunc(others, func(other string) bool {
		return path == other || strings.HasPrefix(path, strings.TrimSuffix(other, "/")+"/")
	})
}

// rules are the paths as Landlock takes them.
func (p paths) rules() []landlock.Rule {
	rules := []landlock.Rule{landlock.PathAccess(writeRights, p.write...).IgnoreIfMissing()}
	for _, path := range p.read {
		rights := landlock.AccessFSSet(readRights)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			rights = fileReadRights
		}
		rules = append(rules, landlock.PathAccess(rights, path).IgnoreIfMissing())
	}
	return rules
}

// confinement is what the process is held to, whichever config asked for it.
type confinement struct {
	mutex sync.Mutex
	held  *paths // nil if it is free
}

var theConfinement = new(confinement)

// explain adds to an error about a file that the kernel refused it on our behalf.
func (c *confinement) explain(err error) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.held == nil || !errors.Is(err, os.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w; payermax_landlock confines this process to the files of the config that it began with, so restart it", err)
}

// allows reports what a config needs that the process may not have any more.
func (c *confinement) allows(needed paths) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.held == nil {
		return nil
	}
	if path, ok := needed.beyond(*c.held); ok {
		return fmt.Errorf("the process is confined already, without %s; restart Caddy", path)
	}
	return nil
}

// hold confines the process, once.
func (c *confinement) hold(needed paths, required bool, logger *zap.Logger) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.held != nil {
		return nil
	}
	version, err := ll.LandlockGetABIVersion()
	if err != nil || version == 0 {
		if required {
			return errors.New("this kernel has no Landlock, but it is required; it needs Linux 5.13 with landlock among its security modules")
		}
		logger.Warn("this kernel has no Landlock; the process is not confined")
		return nil
	}
	if err := landlock.V5.BestEffort().RestrictPaths(needed.rules()...); err != nil {
		return fmt.Errorf("confining the process: %w", err)
	}
	c.held = &needed
	logger.Info("the process is confined to its files", zap.Int("landlock_version", version),
		zap.Strings("read", needed.read), zap.Strings("write", needed.write))
	return nil
}

// Interface guards
var (
	_ caddy.App         = (*Landlock)(nil)
	_ caddy.Provisioner = (*Landlock)(nil)
)
