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
	_ "github.com/caddyserver/caddy/v2/modules/filestorage" // the storage of a trial

	"github.com/caddy-payermax/caddy-payermax/doctor"
)

// trial loads a config, or parts of it, to examine it. It binds no port, writes no log,
// and keeps Caddy's storage in a directory of its own, since the user who runs the doctor
// need not be the sidecar's user.
type trial struct {
	ctx     caddy.Context
	offline bool
	// termination is how long the process has from SIGTERM on, or 0 if that is not known.
	termination time.Duration
	config      *caddy.Config
	storage     string
	ports       []string // ports that the config's own sites listen on
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
	unload := sync.OnceFunc(cancel) // calling cancel twice would clean up twice
	stop := context.AfterFunc(ctx, unload)
	t.end = func() {
		stop()
		unload()
		removeStorage()
	}
	return t, nil
}

// trialStorage creates a directory for Caddy's storage, in the first of the parents where
// that is possible. In a container with a read-only root file system, it may not be
// possible anywhere. Then the returned directory does not exist, which matters only for a
// config that has to store something, such as the keys of tls internal: that would not
// run there either.
func trialStorage(parents ...string) (directory string, remove func()) {
	const name = "payermax-doctor-"
	for _, parent := range parents {
		if directory, err := os.MkdirTemp(parent, name); err == nil {
			return directory, func() { _ = os.RemoveAll(directory) }
		}
	}
	return filepath.Join(parents[0], name), func() {}
}

// silentLogging logs almost nothing, so that only the report is shown. It keeps the
// default writer, since Caddy would log the change of the writer.
func silentLogging() *caddy.Logging {
	return &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: "FATAL"}}}}
}

func (t *trial) storageModule() json.RawMessage {
	return caddyconfig.JSONModuleObject(map[string]string{"root": t.storage}, "module", "file_system", nil)
}

// use makes the config's apps other than http, such as pki, available to the modules that
// are loaded in the trial. It also records the ports that the servers would listen on.
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

// loadModule loads one module of the config. The module stays loaded until the trial
// ends.
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

// innermost returns the part of an error's text after the name of the module that it
// comes from.
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
