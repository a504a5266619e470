package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

// The autoscaler of scale-by-calls works with the README's rule for prometheus-adapter and a
// Prometheus with the shipped config: it knows how many calls each replica has in flight, and adds
// a replica when PayerMax is slow.
func TestScaleByCalls(t *testing.T) {
	c := start(t)
	c.serveMetrics(t)
	namespace, callers := c.namespace(t, "scale"), c.namespace(t, "scale-callers", "payermax-caller=true")
	m, folder := c.sharedGateway(t, namespace, callers)
	c.kubectl(t, "apply", "-n", namespace, "-k", scaledByCalls(t))
	c.replicated(t, namespace, 1)

	took := await(t, 3*time.Minute, "the autoscaler to know the calls under way and the CPU", func() bool {
		h := c.autoscaler(t, namespace)
		return h.active() && h.calls() != "" && len(h.Status.CurrentMetrics) == 2
	})
	assert.Equal(t, 1, c.autoscaler(t, namespace).Status.DesiredReplicas)
	t.Logf("active after %.1f s: %s", took.Seconds(), c.inFlight(t, namespace))

	m.delay.Store(int64(15 * time.Second))
	c.certify(t, folder, callers)
	c.caller(t, callers, "http1", "certified", "https://payermax-gateway."+namespace, 300)
	took = await(t, 3*time.Minute, "another replica", func() bool {
		return c.autoscaler(t, namespace).Status.DesiredReplicas == 2
	})
	t.Logf("another replica is wanted %.1f s after 300 calls at once: %s", took.Seconds(), c.inFlight(t, namespace))
	assert.Contains(t, c.kubectl(t, "get", "events", "-n", namespace), "New size: 2; reason: pods metric caddy_payermax_requests_in_flight above target")
	// The callers are no longer needed, and would keep the node busy.
	c.kubectl(t, "scale", "-n", callers, "deployment/http1", "--replicas=0")
	c.ready(t, namespace, "payermax-gateway")
	await(t, time.Minute, "the metric of both replicas", func() bool { return strings.Count(c.inFlight(t, namespace), "payermax-gateway-") == 2 })
	assert.NotZero(t, m.served.Load())
}

// outOfReach is a patch that sets the CPU target out of reach, so that only calls can add replicas.
const outOfReach = `
  - target: {kind: HorizontalPodAutoscaler}
    patch: |
      - {op: replace, path: /spec/metrics/0/resource/target/averageUtilization, value: 1000}
`

// scaledByCalls writes a kustomization of the shared gateway with scale-by-calls, starting with one
// replica.
func scaledByCalls(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	relative, err := filepath.Rel(folder, filepath.Dir(filepath.Clean(overlays)))
	require.NoError(t, err)
	writeFile(t, folder, "kustomization.yaml", fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [%[1]s/overlays/shared-gateway]
components: [%[1]s/components/scale-by-calls]
patches:
`, relative)+strings.ReplaceAll(cheapReplicas, "50m", "200m")+replicas(1, 10)+outOfReach)
	return folder
}

// autoscaler holds the fields of a HorizontalPodAutoscaler that these tests check.
type autoscaler struct {
	Status struct {
		DesiredReplicas int
		Conditions      []struct{ Type, Status, Reason, Message string }
		CurrentMetrics  []struct {
			Pods *struct {
				Metric  struct{ Name string }
				Current struct{ AverageValue string }
			}
		}
	}
}

func (c *cluster) autoscaler(t *testing.T, namespace string) (h autoscaler) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(c.kubectl(t, "get", "hpa", "payermax-gateway", "-n", namespace, "-o", "json")), &h))
	return h
}

// active reports whether the autoscaler can compute the number of replicas.
func (h autoscaler) active() bool {
	for _, condition := range h.Status.Conditions {
		if condition.Type == "ScalingActive" {
			return condition.Status == "True"
		}
	}
	return false
}

// calls returns the average number of calls in flight per replica, or "" if the autoscaler does not
// know it.
func (h autoscaler) calls() string {
	for _, metric := range h.Status.CurrentMetrics {
		if metric.Pods != nil && metric.Pods.Metric.Name == "caddy_payermax_requests_in_flight" {
			return metric.Pods.Current.AverageValue
		}
	}
	return ""
}

// inFlight queries the API server as the README does.
func (c *cluster) inFlight(t *testing.T, namespace string) string {
	t.Helper()
	var list struct {
		Items []struct {
			DescribedObject struct{ Name string }
			Value           string
		}
	}
	said := c.kubectl(t, "get", "--raw", "/apis/custom.metrics.k8s.io/v1beta1/namespaces/"+namespace+"/pods/*/caddy_payermax_requests_in_flight")
	require.NoError(t, json.Unmarshal([]byte(said), &list), said)
	var all []string
	for _, item := range list.Items {
		all = append(all, item.DescribedObject.Name+"="+item.Value)
	}
	return strings.Join(all, " ")
}

// serveMetrics starts a Prometheus with the shipped config and rules, but a shorter scrape
// interval, and prometheus-adapter with the README's rule.
func (c *cluster) serveMetrics(t *testing.T) {
	t.Helper()
	c.serveDiscovery(t)
	shipped, err := os.ReadFile(repository + "/deploy/prometheus/kubernetes.yaml")
	require.NoError(t, err)
	const discovery = "kubernetes_sd_configs:\n      - role: pod"
	require.Contains(t, string(shipped), discovery)
	folder := t.TempDir()
	writeFile(t, folder, "prometheus.yaml", strings.NewReplacer("scrape_interval: 15s", "scrape_interval: 5s", discovery, httpDiscovery).Replace(string(shipped))+kubeletJob)
	writeFile(t, folder, "config.yaml", readmeManifest(t, "## The shared gateway", "seriesQuery")+resourceRules)
	rules, err := filepath.Abs(repository + "/deploy/prometheus/rules.yaml")
	require.NoError(t, err)
	c.kubectl(t, "create", "configmap", "prometheus", "-n", monitoring, "--from-file="+folder+"/prometheus.yaml", "--from-file="+rules)
	c.kubectl(t, "create", "configmap", "adapter-config", "-n", monitoring, "--from-file="+folder+"/config.yaml")
	c.apply(t, prometheus)
	c.ready(t, monitoring, "prometheus")
	c.apply(t, adapter)
	c.ready(t, monitoring, "prometheus-adapter")
	c.apply(t, metricAPIs)
}

// kubeletJob makes Prometheus scrape the CPU metrics of containers, as a cluster's own Prometheus
// does.
const kubeletJob = `
  - job_name: kubelet
    scheme: https
    metrics_path: /metrics/resource
    tls_config: {insecure_skip_verify: true}
    static_configs: [{targets: ["` + machine.NodeIP + `:10250"]}]
`

// resourceRules are the CPU rules from prometheus-adapter's own manifests.
const resourceRules = `
resourceRules:
  cpu:
    containerLabel: container
    containerQuery: sum by (<<.GroupBy>>) (irate(container_cpu_usage_seconds_total{<<.LabelMatchers>>,container!="",pod!=""}[4m]))
    nodeQuery: sum by (<<.GroupBy>>) (irate(node_cpu_usage_seconds_total{<<.LabelMatchers>>}[4m]))
    resources: {overrides: {namespace: {resource: namespace}, node: {resource: node}, pod: {resource: pod}}}
  memory:
    containerLabel: container
    containerQuery: sum by (<<.GroupBy>>) (container_memory_working_set_bytes{<<.LabelMatchers>>,container!="",pod!=""})
    nodeQuery: sum by (<<.GroupBy>>) (node_memory_working_set_bytes{<<.LabelMatchers>>})
    resources: {overrides: {namespace: {resource: namespace}, node: {resource: node}, pod: {resource: pod}}}
  window: 1m
`

const prometheus = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus, namespace: ` + monitoring + `}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: prometheus}}
  template:
    metadata: {labels: {app.kubernetes.io/name: prometheus}}
    spec:
      containers:
        - name: prometheus
          image: ` + prometheusImage + `
          args: [--config.file=/etc/prometheus/prometheus.yaml, --storage.tsdb.path=/data]
          readinessProbe: {httpGet: {path: /-/ready, port: 9090}, periodSeconds: 1}
          resources: {requests: {cpu: 50m}}
          volumeMounts: [{name: config, mountPath: /etc/prometheus}, {name: data, mountPath: /data}]
      volumes: [{name: config, configMap: {name: prometheus}}, {name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: prometheus, namespace: ` + monitoring + `}
spec:
  selector: {app.kubernetes.io/name: prometheus}
  ports: [{port: 9090}]
`

// adapter is prometheus-adapter as its own manifests deploy it, with one replica. It refreshes its
// list of metrics more often.
const adapter = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus-adapter, namespace: ` + monitoring + `}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: prometheus-adapter}
rules: [{apiGroups: [""], resources: [nodes, namespaces, pods, services], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: prometheus-adapter}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: prometheus-adapter}
subjects: [{kind: ServiceAccount, name: prometheus-adapter, namespace: ` + monitoring + `}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: prometheus-adapter:delegator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:auth-delegator"}
subjects: [{kind: ServiceAccount, name: prometheus-adapter, namespace: ` + monitoring + `}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: prometheus-adapter, namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}
subjects: [{kind: ServiceAccount, name: prometheus-adapter, namespace: ` + monitoring + `}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus-adapter, namespace: ` + monitoring + `}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: prometheus-adapter}}
  template:
    metadata: {labels: {app.kubernetes.io/name: prometheus-adapter}}
    spec:
      serviceAccountName: prometheus-adapter
      containers:
        - name: prometheus-adapter
          image: ` + adapterImage + `
          args:
            - --cert-dir=/var/run/serving-cert
            - --config=/etc/adapter/config.yaml
            - --metrics-relist-interval=10s
            - --metrics-max-age=1m
            - --prometheus-url=http://prometheus.` + monitoring + `.svc:9090/
            - --secure-port=6443
          readinessProbe: {httpGet: {path: /readyz, port: 6443, scheme: HTTPS}, periodSeconds: 1}
          resources: {requests: {cpu: 50m}}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}
          volumeMounts:
            - {name: config, mountPath: /etc/adapter, readOnly: true}
            - {name: tmp, mountPath: /tmp}
            - {name: certificates, mountPath: /var/run/serving-cert}
      volumes: [{name: config, configMap: {name: adapter-config}}, {name: tmp, emptyDir: {}}, {name: certificates, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: prometheus-adapter, namespace: ` + monitoring + `}
spec:
  selector: {app.kubernetes.io/name: prometheus-adapter}
  ports: [{port: 443, targetPort: 6443}]
`

// metricAPIs are the APIs that the adapter serves: calls in flight, and CPU.
const metricAPIs = `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.custom.metrics.k8s.io}
spec:
  {group: custom.metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: prometheus-adapter, namespace: ` + monitoring + `}}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  {group: metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: prometheus-adapter, namespace: ` + monitoring + `}}
`
