package command

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage" // where a trial stores things

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// trial loads a config, or parts of it, for a look. It binds no port, writes no
// log, and keeps what Caddy stores in a directory of its own, for the user who
// runs it need not be the one whose files these are.
type trial struct {
	ctx     caddy.Context
	offline bool
	// termination is how long the process has from SIGTERM on, or 0 if that is not known.
	termination time.Duration
	config      *caddy.Config
	storage     string
	ports       []string // that the config's own sites listen on
	end         func()
}

// newTrial prepares a trial. From now on, Caddy's log is silent.
func newTrial(ctx context.Context, offline bool) (*trial, error) {
	t := &trial{offline: offline}
	var removeStorage func()
	t.storage, removeStorage = trialStorage(os.TempDir(), caddy.AppDataDir())
	t.config = &caddy.Config{Logging: silentLogging(), StorageRaw: t.storageModule()}
	base, err := caddy.ProvisionContext(t.config)
	if err != nil {
		removeStorage()
		return nil, fmt.Errorf("preparing Caddy: %w", err)
	}
	var cancel context.CancelFunc
	t.ctx, cancel = caddy.NewContext(base)
	unload := sync.OnceFunc(cancel) // which would clean up twice
	stop := context.AfterFunc(ctx, unload)
	t.end = func() {
		stop()
		unload()
		removeStorage()
	}
	return t, nil
}

// trialStorage makes a directory for what Caddy stores, below the first of the
// parents where one can be made. In a container with a read-only root there may be
// no such place. Then the directory does not exist, and only a config that has to
// store something, such as the keys of tls internal, is the worse for it: there it
// would not run either.
func trialStorage(parents ...string) (directory string, remove func()) {
	const name = "payermax-doctor-"
	for _, parent := range parents {
		if directory, err := os.MkdirTemp(parent, name); err == nil {
			return directory, func() { _ = os.RemoveAll(directory) }
		}
	}
	return filepath.Join(parents[0], name), func() {}
}

// silentLogging logs next to nothing: the report is all that is to be read. No
// other writer is named, since Caddy would log that.
func silentLogging() *caddy.Logging {
	return &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: "FATAL"}}}}
}

func (t *trial) storageModule() json.RawMessage {
	return caddyconfig.JSONModuleObject(map[string]string{"root": t.storage}, "module", "file_system", nil)
}

// use lets modules that are loaded in the trial find the config's apps other than
// the servers, such as pki, and remembers where the servers would listen.
func (t *trial) use(config configTree) {
	t.ports = config.ports()
	apps, _ := config.at("apps").(map[string]any)
	t.config.AppsRaw = make(caddy.ModuleMap)
	for name, app := range apps {
		if raw, err := json.Marshal(app); err == nil && name != "http" {
			t.config.AppsRaw[name] = raw
		}
	}
}

// loadConfig loads the whole config and unloads it again, as caddy validate does.
func (t *trial) loadConfig(config configTree) error {
	changed, err := config.copied()
	if err != nil {
		return err
	}
	changed["logging"] = silentLogging()
	changed["storage"] = t.storageModule()
	if t.offline {
		withoutHealthChecks(map[string]any(changed))
	}
	text, err := json.Marshal(changed)
	if err != nil {
		return err
	}
	loaded := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(text, loaded); err != nil {
		return err
	}
	return caddy.Validate(loaded)
}

// withoutHealthChecks takes out the active health checks of reverse proxies, which
// connect to the upstreams as soon as they are loaded.
func withoutHealthChecks(node any) {
	switch node := node.(type) {
	case []any:
		for _, member := range node {
			withoutHealthChecks(member)
		}
	case map[string]any:
		if checks, isObject := node["health_checks"].(map[string]any); isObject && node["handler"] == "reverse_proxy" {
			delete(checks, "active")
		}
		for _, member := range node {
			withoutHealthChecks(member)
		}
	}
}

// loadModule loads one module of the config. It stays until the trial ends.
func (t *trial) loadModule(id string, config map[string]any) (any, error) {
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	module, err := t.ctx.LoadModuleByID(id, raw)
	if err != nil {
		return nil, fmt.Errorf("%s", innermost(err, id))
	}
	return module, nil
}

// innermost returns what an error says after the name of the module that it comes from.
func innermost(err error, id string) string {
	text := err.Error()
	if i := strings.LastIndex(text, id+": "); i >= 0 {
		text = text[i+len(id)+len(": "):]
	}
	return doctor.Discreet(text)
}

// without returns a copy of an object without one member.
func without(object map[string]any, name string) map[string]any {
	kept := make(map[string]any, len(object))
	for other, value := range object {
		if other != name {
			kept[other] = value
		}
	}
	return kept
}
