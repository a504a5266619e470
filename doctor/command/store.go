package command

import (
	"encoding/json"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// sharedStores returns the stores that a config names, by their JSON: the store of all
// handlers, and those of single handlers. The store memory is left out, since it is in
// the process.
func sharedStores(config configTree, handlers []foundHandler) map[string]map[string]any {
	named := []any{config.at("apps", "payermax_store", "store")}
	for _, h := range handlers {
		named = append(named, h.config["store"])
	}
	shared := make(map[string]map[string]any)
	for _, n := range named {
		store, isObject := n.(map[string]any)
		if !isObject || store["module"] == "memory" {
			continue
		}
		if text, err := json.Marshal(store); err == nil {
			shared[string(text)] = store
		}
	}
	return shared
}

// describeStores checks whether the stores that replicas share answer. It is not a
// problem if they do not, since a sidecar starts without them.
func (t *trial) describeStores(name string, shared map[string]map[string]any) doctor.Report {
	var report doctor.Report
	for _, store := range shared {
		module, _ := store["module"].(string)
		if t.offline {
			report = append(report, found(name, "store", doctor.NotChecked, "skipped because of --offline", ""))
			continue
		}
		loaded, err := t.loadModule("payermax.stores."+module, without(store, "module"))
		if err != nil {
			continue // reported as the reason why the config does not load
		}
		remote, isRemote := loaded.(stores.Remote)
		if !isRemote {
			continue
		}
		if err := remote.Check(t.ctx); err != nil {
			report = append(report, found(name, "store", doctor.Warning, "the shared store does not answer, or returns errors: "+doctor.Discreet(err.Error()),
				"start it, allow connections to it, or correct the options of store "+module+"; until then, calls that count against a budget are refused unless without_store allows them, and each replica counts rates and duplicates on its own"))
			continue
		}
		report = append(report, found(name, "store", doctor.OK, "the shared store answers and accepts writes", ""))
		report = append(report, t.describeConcerns(name, remote)...)
	}
	return report
}

// describeConcerns reports settings of a store's server that do not suit its purpose.
func (t *trial) describeConcerns(name string, of stores.Remote) doctor.Report {
	concerns, err := of.Concerns(t.ctx)
	if err != nil {
		return doctor.Report{found(name, "store", doctor.NotChecked, "the settings of the shared store could not be read, so it is not known whether it evicts keys: "+doctor.Discreet(err.Error()),
			"allow its user to read the server's settings (+info)")}
	}
	var report doctor.Report
	for _, concern := range concerns {
		report = append(report, found(name, "store", doctor.Warning, concern.Message, concern.Next))
	}
	return report
}
