package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

// restrictedPod is a container of the shop's image in a pod of its own, as the
// restricted standard wants it. It does nothing until it is asked to.
func (c *cluster) restrictedPod(t *testing.T, namespace, name string) {
	t.Helper()
	c.apply(t, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: %s}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: shop
      image: example.com/shop:1.0
      args: [--listen=:3000]
      env: [{name: PAYERMAX_URL, value: "http://127.0.0.1:9"}]
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`, name, namespace))
	c.kubectl(t, "wait", "-n", namespace, "pod/"+name, "--for=condition=Ready", "--timeout=60s")
}

// reaches has a pod's container shop try, and returns what it says.
func (c *cluster) reaches(t *testing.T, namespace, pod string, args ...string) (said string, reached bool) {
	t.Helper()
	said, err := c.Kubectl(t.Context(), append([]string{"exec", "-n", namespace, pod, "-c", "shop", "--", "/usr/bin/shop"}, args...)...)
	return said, err == nil
}

// The policies, enforced: out goes what PayerMax and the name server need, in comes
// Prometheus to the health port of a native sidecar.
func TestNetworkPolicies(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "policies")
	c.applied(t, namespace, overlays+"uat")
	c.ready(t, namespace, "shop")
	p := c.pods(t, namespace)[0]

	server := c.kubectl(t, "get", "pods", "-n", "kube-system", "--selector=k8s-app=kube-dns", "-o", "jsonpath={.items[0].status.podIP}")
	for address, allowed := range map[string]bool{
		server + ":53": true, server + ":54": false,
		machine.Public + ":443": true, uat + ":443": true, // which needs the name server
		machine.Private + ":443": false, machine.Metadata + ":443": false, machine.Metadata + ":80": false,
		machine.Public + ":80": false,
	} {
		said, reached := c.reaches(t, namespace, p.Metadata.Name, "connect", address)
		// What nobody listens on is refused by the other side if it gets there.
		assert.Equal(t, allowed, reached || strings.Contains(said, "refused"), "%s: %s", address, said)
	}

	c.kubectl(t, "create", "namespace", "monitoring")
	t.Cleanup(func() { _, _ = c.Kubectl(t.Context(), "delete", "namespace", "monitoring", "--wait=false") })
	stranger := c.namespace(t, "strangers")
	c.restrictedPod(t, "monitoring", "prometheus")
	c.restrictedPod(t, stranger, "stranger")
	health := "http://" + p.Status.PodIP + ":8081/metrics"
	said, reached := c.reaches(t, "monitoring", "prometheus", "get", health)
	require.True(t, reached, "Prometheus cannot scrape the sidecar: %s", said)
	assert.Contains(t, said, "caddy_payermax_")
	_, reached = c.reaches(t, stranger, "stranger", "get", health)
	assert.False(t, reached, "a stranger scrapes the sidecar")
	for _, from := range [][2]string{{"monitoring", "prometheus"}, {stranger, "stranger"}} {
		said, reached = c.reaches(t, from[0], from[1], "connect", p.Status.PodIP+":8080")
		assert.False(t, reached, "%s reaches the port that signs", from[1])
		assert.NotContains(t, said, "refused", "the policy lets %s through", from[1])
		_, reached = c.reaches(t, from[0], from[1], "get", "http://"+p.Status.PodIP+":3000/healthz")
		assert.True(t, reached, "%s does not reach the application", from[1])
	}
	// Whatever the sandbox's pod does, it reaches nobody: not even the name server.
	sandbox := c.namespace(t, "closed")
	c.kubectl(t, "apply", "-n", sandbox, "-k", overlays+"sandbox")
	c.ready(t, sandbox, "shop")
	for _, address := range []string{machine.Public + ":443", server + ":53"} {
		said, reached = c.reaches(t, sandbox, c.onlyPod(t, sandbox).Metadata.Name, "connect", address)
		assert.False(t, reached, "the sandbox reaches %s", address)
		assert.NotContains(t, said, "refused", "the sandbox reaches %s", address)
	}
}

// The shared gateway with two replicas: callers with a certificate are served, from
// namespaces that are labelled, and a rolling restart under load loses no call.
func TestSharedGateway(t *testing.T) {
	c := start(t)
	namespace, callers := c.namespace(t, "gateway"), c.namespace(t, "callers", "payermax-caller=true")
	_, private := c.gateway.enrol(t)
	folder := c.gateway.keyFolder(t, private)
	c.shell(t, folder, fmt.Sprintf(createKeys, namespace))
	here := strings.NewReplacer("-n shop", "-n "+namespace, "gateway.shop", "gateway."+namespace, "namespace shop", "namespace "+callers)
	for _, command := range readmeBlocks(t, "## The shared gateway") {
		if !strings.Contains(command, "kubectl apply") {
			c.shell(t, folder, here.Replace(command))
		} else { // line by line, and with less CPU than two of its replicas ask for
			c.shell(t, folder, here.Replace(strings.ReplaceAll(command, "kubectl apply", "# kubectl apply")))
			c.kubectl(t, "apply", "-n", namespace, "-k", consumer(t, "shared-gateway", `
patches:
  - target: {kind: Deployment}
    patch: |
      - {op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 50m}
  - target: {kind: HorizontalPodAutoscaler}
    patch: |
      - {op: replace, path: /spec/minReplicas, value: 2}
`))
		}
	}
	await(t, time.Minute, "two replicas", func() bool {
		return c.kubectl(t, "get", "deployment", "payermax-gateway", "-n", namespace, "-o", "jsonpath={.spec.replicas}") == "2"
	})
	c.ready(t, namespace, "payermax-gateway")

	address := c.kubectl(t, "get", "service", "payermax-gateway", "-n", namespace, "-o", "jsonpath={.spec.clusterIP}")
	name := "payermax-gateway." + namespace
	c.apply(t, hosts(address+" "+name+".svc.cluster.local"))
	certified := " --from-file=tls.crt=shop.crt --from-file=tls.key=shop.key"
	c.shell(t, folder, "kubectl create secret generic certified -n "+callers+" --from-file=gateway.crt"+certified)
	c.shell(t, folder, "kubectl create secret generic uncertified -n "+callers+" --from-file=gateway.crt")
	stranger := c.namespace(t, "unlabelled")
	c.shell(t, folder, "kubectl create secret generic certified -n "+stranger+" --from-file=gateway.crt"+certified)
	url := "https://" + name
	c.restrictedPod(t, callers, "early")
	await(t, time.Minute, "the name of the Service to be known", func() bool {
		_, reached := c.reaches(t, callers, "early", "connect", name+":443")
		return reached
	})
	c.caller(t, callers, "http1", "certified", url, 4)
	c.caller(t, callers, "http2", "certified", url, 4)
	c.caller(t, callers, "without", "uncertified", url, 0)
	c.caller(t, stranger, "stranger", "certified", "https://"+address, 0)

	logs := make(map[string]*following)
	for _, name := range []string{"http1", "http2"} {
		logs[name] = c.follow(t, callers, c.pods(t, callers, "app="+name)[0].Metadata.Name, "shop")
	}
	await(t, time.Minute, "a caller without a certificate", func() bool {
		return strings.Contains(c.kubectl(t, "logs", "-n", callers, "deployment/without"), "first call")
	})
	assert.Contains(t, c.kubectl(t, "logs", "-n", callers, "deployment/without"), "certificate required")

	began := time.Now()
	c.kubectl(t, "rollout", "restart", "-n", namespace, "deployment/payermax-gateway")
	c.ready(t, namespace, "payermax-gateway")
	await(t, 2*time.Minute, "the old pods to be gone", func() bool {
		return strings.Count(c.kubectl(t, "get", "pods", "-n", namespace, "-o", "name"), "pod/") == 2
	})
	t.Logf("restarted in %.1f s", time.Since(began).Seconds())
	c.kubectl(t, "delete", "pods", "-n", callers, "--all", "--wait=false")
	for name, log := range logs {
		t.Logf("%s: %d calls answered", name, requireAnswered(t, log.last(t)))
	}
	assert.NotContains(t, c.kubectl(t, "logs", "-n", stranger, "deployment/stranger"), success, "a namespace without the label is served")
}

// caller is a Deployment that calls the shared gateway: once, and with workers all the
// time.
func (c *cluster) caller(t *testing.T, namespace, name, secret, url string, workers int) {
	t.Helper()
	c.apply(t, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: shop
          image: example.com/shop:1.0
          args: [--workers=%[4]d, --pause=10ms]
          env: [{name: PAYERMAX_URL, value: %[3]q}, {name: CALLER_CERTIFICATES, value: /certificates}, {name: CALLER_HTTP, value: %[6]q}]
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: certificates, mountPath: /certificates, readOnly: true}]
      volumes: [{name: certificates, secret: {secretName: %[5]s}}]
`, name, namespace, url, workers, secret, strings.TrimPrefix(name, "http")))
	c.ready(t, namespace, name)
}
