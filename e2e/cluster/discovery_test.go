package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

// discoveryPort is the port at which Prometheus asks for its targets.
const discoveryPort = ":9009"

// httpDiscovery replaces kubernetes_sd_configs, which Debian's Prometheus does not have.
const httpDiscovery = `http_sd_configs:
      - url: http://` + machine.Public + discoveryPort + `
        refresh_interval: 5s`

// targets are addresses with the labels that Prometheus' discovery of pods gives them.
type targets struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// serveDiscovery serves the ports of all pods to Prometheus, in the form of its own Kubernetes
// discovery.
func (c *cluster) serveDiscovery(t *testing.T) {
	t.Helper()
	listener, err := c.ListenOutside(machine.Public + discoveryPort)
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := c.Kubectl(r.Context(), "get", "pods", "--all-namespaces", "-o", "json")
		if err != nil {
			w.WriteHeader(http.StatusBadGateway) // Prometheus then keeps its current targets
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(discovered([]byte(text)))
	})}
	t.Cleanup(func() { server.Close() })
	go func() { _ = server.Serve(listener) }()
}

// discovered returns the targets in a list of pods.
func discovered(text []byte) []targets {
	var list struct {
		Items []struct {
			Metadata struct{ Namespace, Name string }
			Spec     struct{ InitContainers, Containers []withPorts }
			Status   struct{ Phase, PodIP string }
		}
	}
	all := []targets{}
	if json.Unmarshal(text, &list) != nil {
		return all
	}
	for _, p := range list.Items {
		for _, container := range append(p.Spec.InitContainers, p.Spec.Containers...) {
			for _, port := range container.Ports {
				if p.Status.PodIP == "" {
					continue
				}
				all = append(all, targets{[]string{fmt.Sprintf("%s:%d", p.Status.PodIP, port.ContainerPort)}, map[string]string{
					"__meta_kubernetes_namespace": p.Metadata.Namespace, "__meta_kubernetes_pod_name": p.Metadata.Name,
					"__meta_kubernetes_pod_phase": p.Status.Phase, "__meta_kubernetes_pod_container_port_name": port.Name,
				}})
			}
		}
	}
	return all
}

type withPorts struct {
	Ports []struct {
		Name          string
		ContainerPort int
	}
}
